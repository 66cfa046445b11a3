import { and, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Role } from "../../../schema/principal.ts";
import { apiKeys } from "../../../schema/tables/region/api-keys.ts";
import type { Transaction } from "../database.ts";
import { tellGate, tellGatesOfKeys } from "../principals/tell-gate.ts";
import { endSessions } from "../routes/sessions/end.ts";

/** What of a user has ended in Postgres and must end at the Gates. */
export interface Ended {
  readonly sessions: readonly string[];
  readonly keys: readonly (typeof apiKeys.$inferSelect)[];
}

/**
 * Ends a user's sessions and revokes the API keys the user made, and those that these keys made, in the transaction that disables
 * or deletes the user and holds its row.
 */
export async function endEverything(tx: Transaction, customerId: string, userId: string, now: Date): Promise<Ended> {
  const ended = await endSessions(tx, { customer_id: customerId, id: userId }, { except: null });
  const made = sql`(with recursive made as (
    select id from api_keys where customer_id = ${customerId} and created_by = ${userId}
    union select k.id from api_keys k join made m on k.created_by = m.id where k.customer_id = ${customerId}
  ) select id from made)`;
  const own = and(eq(apiKeys.customerId, customerId), inArray(apiKeys.id, made));
  let revoked: unknown[];
  do {
    // Again until nothing is left: a key that was being made by one of these keys is only seen once that is committed.
    // oxlint-disable-next-line no-await-in-loop -- each round depends on the one before
    revoked = await tx
      .update(apiKeys)
      .set({ revokedAt: now, version: sql`${apiKeys.version} + 1` })
      .where(and(own, isNull(apiKeys.revokedAt)))
      .returning({ id: apiKeys.id });
  } while (revoked.length > 0);
  // Those that were revoked before are among them: a repeated request tells their Gates again.
  return { sessions: ended.map(({ id }) => id), keys: await tx.select().from(apiKeys).where(own) };
}

/**
 * Tells the user's Gate, and those of the revoked keys. The sessions are named although the user is disabled: the Gate would
 * otherwise take them for live again when the user is enabled.
 */
export async function tellOfEnd(
  env: RegionEnv,
  user: { readonly id: string; readonly role: Role; readonly version: number },
  ended: Ended,
): Promise<void> {
  const { id, role, version } = user;
  await Promise.all([
    tellGate(env, id, async (gate) => {
      await gate.updateUser({ role, status: "disabled", version });
      await gate.endSessions([...ended.sessions]);
    }),
    tellGatesOfKeys(env, ended.keys),
  ]);
}
