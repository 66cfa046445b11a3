import { and, eq, isNull, lt, sql } from "drizzle-orm";
import { idempotencyKeys } from "../../../schema/tables/region/idempotency-keys.ts";
import type { Invocation } from "../../serve/invocation.ts";
import { asCustomer } from "../database.ts";

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

/** Claims a key, or says who did. Forgets what is older than a day. One flight: each statement sees what those before it did. */
export async function claim(env: RegionEnv, invocation: Invocation, key: ClaimKey, bodyHash: string): Promise<Claim> {
  const { customerId } = key;
  const claimedAt = new Date();
  const forgotten = new Date(claimedAt.getTime() - keptMs);
  const abandoned = new Date(claimedAt.getTime() - abandonedMs).toISOString();
  const [, won, [row]] = await asCustomer(env, customerId, invocation, (tx) => [
    tx
      .delete(idempotencyKeys)
      .where(and(eq(idempotencyKeys.customerId, customerId), lt(idempotencyKeys.claimedAt, forgotten))),
    tx
      .insert(idempotencyKeys)
      .values({ ...key, bodyHash, claimedAt })
      .onConflictDoUpdate({
        target: [idempotencyKeys.customerId, idempotencyKeys.route, idempotencyKeys.key],
        set: { bodyHash, claimedAt },
        setWhere: sql`${idempotencyKeys.answer} is null and ${idempotencyKeys.claimedAt} < ${abandoned}`,
      })
      .returning({ key: idempotencyKeys.key }),
    tx.select().from(idempotencyKeys).where(named(key)),
  ]);
  if (won.length === 1) return { kind: "won", claimedAt };
  return { kind: "lost", bodyHash: row?.bodyHash ?? "", answer: row?.answer ?? null };
}

/** Keeps the first answer of a claim that is still ours. */
export async function settle(
  env: RegionEnv,
  invocation: Invocation,
  key: ClaimKey,
  claimedAt: Date,
  answer: Uint8Array,
): Promise<void> {
  await asCustomer(env, key.customerId, invocation, (tx) =>
    tx
      .update(idempotencyKeys)
      .set({ answer })
      .where(and(named(key), eq(idempotencyKeys.claimedAt, claimedAt))),
  );
}

/** Gives a claim back, so that the next request with the key runs. */
export async function giveBack(env: RegionEnv, invocation: Invocation, key: ClaimKey, claimedAt: Date): Promise<void> {
  await asCustomer(env, key.customerId, invocation, (tx) =>
    tx
      .delete(idempotencyKeys)
      .where(and(named(key), eq(idempotencyKeys.claimedAt, claimedAt), isNull(idempotencyKeys.answer))),
  );
}

function named({ customerId, route, key }: ClaimKey) {
  return and(
    eq(idempotencyKeys.customerId, customerId),
    eq(idempotencyKeys.route, route),
    eq(idempotencyKeys.key, key),
  );
}
