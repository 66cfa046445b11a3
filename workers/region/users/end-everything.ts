import { and, eq, isNull } from "drizzle-orm";
import { apiKeys } from "../../../schema/tables/region/api-keys.ts";
import { sessions } from "../../../schema/tables/region/users.ts";
import { sql } from "drizzle-orm";
import type { Transaction } from "../database.ts";
import { tellGate, tellGatesOfKeys } from "../principals/tell-gate.ts";

/** What of a user has ended in Postgres and must end at the Gates. */
export interface Ended {
  readonly keys: readonly (typeof apiKeys.$inferSelect)[];
}

/** Ends a user's sessions and revokes the API keys the user made, in the transaction that disables or deletes the user. */
export async function endEverything(tx: Transaction, customerId: string, userId: string, now: Date): Promise<Ended> {
  await tx
    .update(sessions)
    .set({ endedAt: now })
    .where(and(eq(sessions.customerId, customerId), eq(sessions.userId, userId), isNull(sessions.endedAt)));
  const own = and(eq(apiKeys.customerId, customerId), eq(apiKeys.createdBy, userId));
  await tx
    .update(apiKeys)
    .set({ revokedAt: now, version: sql`${apiKeys.version} + 1` })
    .where(and(own, isNull(apiKeys.revokedAt)));
  // Those that were revoked before are among them: a repeated request tells their Gates again.
  return { keys: await tx.select().from(apiKeys).where(own) };
}

/** Tells the user's Gate, and those of the revoked keys. A disabled user needs no session ended one by one. */
export async function tellOfEnd(
  env: RegionEnv,
  user: { readonly id: string; readonly role: "viewer" | "member" | "admin" | "owner"; readonly version: number },
  ended: Ended,
): Promise<void> {
  const { id, role, version } = user;
  await Promise.all([
    tellGate(env, id, (gate) => gate.updateUser({ role, status: "disabled", version })),
    tellGatesOfKeys(env, ended.keys),
  ]);
}
