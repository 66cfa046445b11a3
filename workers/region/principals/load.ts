import { and, eq, gt, isNull } from "drizzle-orm";
import type { PrincipalRecord } from "../../../schema/admission.ts";
import { isId } from "../../../schema/ids.ts";
import { apiKeys } from "../../../schema/tables/region/api-keys.ts";
import { sessions, users } from "../../../schema/tables/region/users.ts";
import { asGateOf } from "../database.ts";
import type { Invocation } from "../../serve/invocation.ts";

/** What Postgres knows of a principal, for its Gate; null if it has none by that id. Rejects when Postgres is away. */
export async function loadPrincipal(
  env: RegionEnv,
  id: string,
  invocation: Invocation,
): Promise<PrincipalRecord | null> {
  return isId("user", id) ? loadUser(env, id, invocation) : loadKey(env, id, invocation);
}

async function loadUser(env: RegionEnv, id: string, invocation: Invocation): Promise<PrincipalRecord | null> {
  const [[user], live] = await asGateOf(env, id, invocation, (tx) => [
    tx.select().from(users).where(eq(users.id, id)),
    tx
      .select({ id: sessions.id, expiresAt: sessions.expiresAt })
      .from(sessions)
      .where(and(eq(sessions.userId, id), isNull(sessions.endedAt), gt(sessions.expiresAt, new Date()))),
  ]);
  if (user === undefined) return null;
  return {
    type: "user",
    id,
    customer_id: user.customerId,
    role: user.role,
    status: user.status,
    version: user.version,
    sessions: live.map((session) => ({ id: session.id, expires_at: session.expiresAt.getTime() })),
  };
}

async function loadKey(env: RegionEnv, id: string, invocation: Invocation): Promise<PrincipalRecord | null> {
  const [key] = await asGateOf(env, id, invocation, (tx) => tx.select().from(apiKeys).where(eq(apiKeys.id, id)));
  if (key === undefined) return null;
  return {
    type: "api_key",
    id,
    customer_id: key.customerId,
    scopes: key.scopes,
    tier: key.tier,
    status: key.revokedAt === null ? "active" : "disabled",
    version: key.version,
    secret_hash: key.secretHash,
    expires_at: key.expiresAt?.getTime() ?? null,
  };
}
