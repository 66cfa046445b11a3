import type { Buckets, LimitState } from "../../schema/admission.ts";
import type { Policy, Tier } from "../../schema/config.ts";
import { covers, debitAll, leaseSize, pick, refillAll, type LedgerRow } from "./lease.ts";
import { limitStates, violatedOf } from "./limited.ts";
import type { Standing } from "./standing.ts";
import { reconcile } from "./token-bucket.ts";

/** What a Gate holds in memory about spending. */
export interface Ledger {
  readonly buckets: Buckets;
  /** Requests counted for the principal since it was made. */
  readonly usage: number;
  /** The row last written from this ledger. Null: none was, and the next spending must be written. */
  readonly row: LedgerRow | null;
}

/** One request to decide about. */
export interface Question {
  /** What its proof is worth. A request whose proof is refused costs nothing. */
  readonly standing: Standing;
  /** Requests served without asking, which are paid first, to below nothing if there is less. */
  readonly alreadyServed: number;
}

/** The decision about one request. */
export type Verdict =
  | { readonly kind: "admitted"; readonly limits: LimitState[] }
  /** `buckets`: those of the tier. */
  | { readonly kind: "limited"; readonly buckets: Buckets }
  | Extract<Standing, { kind: "refused" }>;

/** A verdict, the ledger after it, and the row to store before the answer leaves; null when none need be. */
export interface Decision {
  readonly verdict: Verdict;
  readonly ledger: Ledger;
  readonly row: LedgerRow | null;
}

/** The ledger of a principal that was never seen. */
export const emptyLedger: Ledger = { buckets: {}, usage: 0, row: null };

/**
 * Decides one request against a tier at `now` (epoch milliseconds). An admitted request costs one token of every bucket of the
 * tier; a limited one costs nothing. An unlimited tier has no buckets: its requests are only counted.
 */
export function decide(ledger: Ledger, tier: Tier, { standing, alreadyServed }: Question, now: number): Decision {
  const policies = tier.unlimited ? [] : tier.policies;
  const names = policies.map((policy) => policy.name);
  const before = refillAll(reconcile(ledger.buckets, policies, now), now);
  const paid = debitAll(before, names, alreadyServed);
  const tierBuckets = pick(paid, names);
  const admitted = standing.kind === "good" && violatedOf(tierBuckets).length === 0;
  const buckets = admitted ? debitAll(paid, names, 1) : paid;
  const spent = alreadyServed + (admitted ? 1 : 0);
  const held = { buckets, usage: ledger.usage + spent };
  const covered = ledger.row !== null && covers(ledger.row, held, names, now);
  // A changed policy is written even when nothing was spent: until then a restart would refill the bucket at the old rate.
  const row =
    converts(ledger.buckets, policies) || (spent > 0 && !covered) ? { ...held, lease: leaseSize(policies) } : null;
  return { verdict: verdict(), ledger: { ...held, row: row ?? ledger.row }, row };

  function verdict(): Verdict {
    if (standing.kind === "refused") return standing;
    if (!admitted) return { kind: "limited", buckets: tierBuckets };
    return { kind: "admitted", limits: limitStates(pick(buckets, names), now) };
  }
}

/** Whether a bucket that is there has another quota or window by now. */
function converts(buckets: Buckets, policies: readonly Policy[]): boolean {
  return policies.some(({ name, quota, window_seconds }) => {
    const bucket = buckets[name];
    return bucket !== undefined && (bucket.quota !== quota || bucket.window !== window_seconds);
  });
}
