import { and, eq, isNull, lt, sql } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { createSession } from "../../../../schema/http/sessions.ts";
import { newId } from "../../../../schema/ids.ts";
import { normalizeEmail } from "../../../../schema/login-hash.ts";
import { sessionMaximumSeconds, sessionSeconds } from "../../../../schema/session-token.ts";
import { sessions, users } from "../../../../schema/tables/region/users.ts";
import type { Handler } from "../../../serve/serve.ts";
import type { Served } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { hashPassword, verifyPassword } from "../../passwords/hash.ts";
import { settingsOf } from "../../settings.ts";
import { presentUser } from "../../users/present.ts";
import { sessionCookie } from "./cookie.ts";
import { payForGuess } from "./guard.ts";
import { presentSession } from "./present.ts";

type User = typeof users.$inferSelect;
/** Stands for the customer of an unknown address, so that it costs the same query. */
const noCustomerId = "cus_00000000000000000000000000";
type Session = Pick<typeof sessions.$inferSelect, "id" | "createdAt" | "expiresAt">;

/**
 * Signs a user in. An unknown address, a wrong password and a disabled user are one answer after the same work: both guards, one
 * query, one scrypt.
 */
export const handleCreateSession: Handler<typeof createSession, RegionEnv> = async ({ body }, served, env) => {
  const { region, config, keys } = settingsOf(env);
  if ((await config.regionStatus(region, served.invocation.waitUntil)) !== "active")
    throw new AppError("region_draining");
  const guess = await payForGuess(body.email, served.clientAddress, env);
  const { user, session } = await enter(body, served, env).catch(async (error: unknown) => {
    // Only a guess that was wrong is paid for, not a database that was away.
    if (!(error instanceof AppError && error.code === "invalid_credentials")) await guess.refund();
    throw error;
  });
  await guess.refund();
  const iat = Math.floor(session.createdAt.getTime() / 1000);
  const claims = { sub: user.id, sid: session.id, cid: user.customerId, ctr: served.country, iat };
  const token = await keys.signSession({ ...claims, exp: iat + sessionSeconds });
  return {
    status: 201,
    body: { token, session: presentSession(session, region), user: presentUser(user, region) },
    headers: sessionCookie(token, sessionSeconds),
    created: session.id,
  };
};

/** Compares the password and opens a session; again, if the password was changed in between. */
async function enter(
  body: { readonly email: string; readonly password: string },
  served: Served,
  env: RegionEnv,
): Promise<{ user: User; session: Session }> {
  for (let attempt = 0; attempt < 3; attempt++) {
    // oxlint-disable no-await-in-loop -- a second round depends on the first
    const user = await findUser(body.email, served, env);
    const { ok, outdated } = await verifyPassword(body.password, user?.passwordHash ?? null);
    if (!ok || user === null || user.status !== "active") throw new AppError("invalid_credentials");
    const customer = await settingsOf(env).config.customer(user.customerId, served.invocation.waitUntil);
    if (customer?.status !== "active") throw new AppError("customer_suspended");
    const rehashed = outdated ? await hashPassword(body.password) : null;
    const session = await openSession(user, rehashed, served, env);
    if (session !== null) return { user, session };
    // oxlint-enable no-await-in-loop
  }
  throw new AppError("unavailable", { retryAfter: 1 });
}

/** The user by address, of the customer that the directory named; of nobody when it named none. */
async function findUser(email: string, served: Served, env: RegionEnv): Promise<User | null> {
  const customerId = served.customerId ?? noCustomerId;
  const rows = await asCustomer(env, customerId, served.invocation, (tx) =>
    tx
      .select()
      .from(users)
      .where(and(eq(users.customerId, customerId), eq(users.email, normalizeEmail(email)), isNull(users.deletedAt))),
  );
  return rows[0] ?? null;
}

/** A user's sessions that were over a month ago: nobody asks about them any more. */
function longOver(user: User, now: Date) {
  const monthAgo = new Date(now.getTime() - 30 * 86_400_000);
  return and(eq(sessions.customerId, user.customerId), eq(sessions.userId, user.id), lt(sessions.endsAt, monthAgo));
}

/** Null if the user has been disabled, or the password changed, since the password was compared. */
async function openSession(
  user: User,
  rehashed: string | null,
  served: Served,
  env: RegionEnv,
): Promise<Session | null> {
  // Whole seconds, as the token has them.
  const now = new Date(Math.floor(Date.now() / 1000) * 1000);
  const session = {
    id: newId("session"),
    createdAt: now,
    expiresAt: new Date(now.getTime() + sessionSeconds * 1000),
    endsAt: new Date(now.getTime() + sessionMaximumSeconds * 1000),
  };
  const unchanged = and(
    eq(users.customerId, user.customerId),
    eq(users.id, user.id),
    eq(users.status, "active"),
    eq(users.passwordHash, user.passwordHash ?? ""),
  );
  const [opened] = await asCustomer(env, user.customerId, served.invocation, (tx) => [
    // A user who is being disabled must not get in: the row is locked and looked at again.
    // Locked for an update if there will be one: two that share it and then both write would deadlock.
    tx
      .insert(sessions)
      .select(
        tx
          .select(sessionOf(session, served.country))
          .from(users)
          .where(unchanged)
          .for(rehashed === null ? "share" : "update"),
      )
      .returning({ id: sessions.id }),
    tx.delete(sessions).where(longOver(user, now)),
    ...(rehashed === null ? [] : [tx.update(users).set({ passwordHash: rehashed }).where(unchanged)]),
  ]);
  return opened.length === 1 ? session : null;
}

/** A new session's row, selected from its user's. */
function sessionOf({ id, createdAt, expiresAt, endsAt }: Session & { endsAt: Date }, country: string | null) {
  return {
    customerId: users.customerId,
    id: sql<string>`${id}::text`.as("id"),
    userId: users.id,
    country: sql<string | null>`${country}::text`.as("country"),
    createdAt: time(createdAt, "created_at"),
    expiresAt: time(expiresAt, "expires_at"),
    endsAt: time(endsAt, "ends_at"),
    endedAt: sql<Date | null>`null::timestamptz`.as("ended_at"),
  };
}

function time(value: Date, name: string) {
  return sql<Date>`${value.toISOString()}::timestamptz`.as(name);
}
