import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";

/** Who a request acts as. */
export interface Session {
  readonly user: string;
  readonly customer: string;
}

/** Creates a session in Redis that is valid for an hour; its bearer token. */
export async function createSession(redis: Redis, session: Session): Promise<string> {
  const token = randomBytes(32).toString("base64url");
  await redis.set(`session:${token}`, JSON.stringify(session), "EX", 3600);
  return token;
}

/** The session of an `Authorization` header; null without a valid one. */
export async function readSession(redis: Redis, authorization: string | undefined): Promise<Session | null> {
  if (authorization === undefined) return null;
  const session = await redis.get(`session:${authorization.slice("Bearer ".length)}`);
  return session === null ? null : (JSON.parse(session) as Session);
}
