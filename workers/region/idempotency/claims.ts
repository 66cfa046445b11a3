import { and, eq, isNull, lt, sql } from "drizzle-orm";
import { idempotencyKeys } from "../../../schema/tables/region/idempotency-keys.ts";
import type { Transaction } from "../database.ts";

/** What names a request that may be repeated: per customer and route. */
export interface ClaimKey {
  readonly customerId: string;
  readonly route: string;
  readonly key: string;
}

/** How a claim went. `answer` null: the first request still runs. */
export type Claim =
  | { readonly kind: "won"; readonly claimedAt: Date }
  | { readonly kind: "lost"; readonly bodyHash: string; readonly answer: Uint8Array | null };

/** For how long a first answer is repeated, in milliseconds. */
const keptMs = 24 * 3_600_000;
/** A claim without an answer by then was left behind by a crash, in milliseconds. */
const abandonedMs = 60_000;

/** Claims a key, or says who did. Forgets what is older than a day. */
export async function claim(tx: Transaction, { customerId, route, key }: ClaimKey, bodyHash: string): Promise<Claim> {
  const claimedAt = new Date();
  await tx
    .delete(idempotencyKeys)
    .where(
      and(
        eq(idempotencyKeys.customerId, customerId),
        lt(idempotencyKeys.claimedAt, new Date(claimedAt.getTime() - keptMs)),
      ),
    );
  const abandoned = new Date(claimedAt.getTime() - abandonedMs).toISOString();
  const won = await tx
    .insert(idempotencyKeys)
    .values({ customerId, route, key, bodyHash, claimedAt })
    .onConflictDoUpdate({
      target: [idempotencyKeys.customerId, idempotencyKeys.route, idempotencyKeys.key],
      set: { bodyHash, claimedAt },
      setWhere: sql`${idempotencyKeys.answer} is null and ${idempotencyKeys.claimedAt} < ${abandoned}`,
    })
    .returning({ key: idempotencyKeys.key });
  if (won.length === 1) return { kind: "won", claimedAt };
  const [row] = await tx.select().from(idempotencyKeys).where(named({ customerId, route, key }));
  return { kind: "lost", bodyHash: row?.bodyHash ?? "", answer: row?.answer ?? null };
}

/** Keeps the first answer of a claim that is still ours. */
export async function settle(tx: Transaction, key: ClaimKey, claimedAt: Date, answer: Uint8Array): Promise<void> {
  await tx
    .update(idempotencyKeys)
    .set({ answer })
    .where(and(named(key), eq(idempotencyKeys.claimedAt, claimedAt)));
}

/** Gives a claim back, so that the next request with the key runs. */
export async function giveBack(tx: Transaction, key: ClaimKey, claimedAt: Date): Promise<void> {
  await tx
    .delete(idempotencyKeys)
    .where(and(named(key), eq(idempotencyKeys.claimedAt, claimedAt), isNull(idempotencyKeys.answer)));
}

function named({ customerId, route, key }: ClaimKey) {
  return and(
    eq(idempotencyKeys.customerId, customerId),
    eq(idempotencyKeys.route, route),
    eq(idempotencyKeys.key, key),
  );
}
