import type { LimitState, Proof, Verdict } from "../../schema/admission.ts";
import type { Tier } from "../../schema/config.ts";
import { covers, debitAll, noLease, refillAll, takeLease, type Lease } from "./lease.ts";
import { limitState, reconcile, remaining, waitMs, type Buckets } from "./token-bucket.ts";

/** What a Gate holds in memory about spending. */
export interface Ledger {
  readonly buckets: Buckets;
  readonly lease: Lease;
  /** Requests counted for the principal since it was made. */
  readonly usage: number;
}

/** A decision about a call: verdicts in the order of its proofs, the ledger after it, and what to store before answering. */
export interface Decision {
  readonly verdicts: Verdict[];
  readonly ledger: Ledger;
  /** Undefined when a lease covers the call and nothing need be written. */
  readonly stored?: { readonly buckets: Buckets; readonly usage: number };
}

/** The ledger of a principal that was never seen. */
export const emptyLedger: Ledger = { buckets: {}, lease: noLease, usage: 0 };

/**
 * Decides a call against a tier at `now` (epoch milliseconds). Each proof that `holds` costs one request from every bucket of
 * the tier, or is limited and costs nothing; one that does not hold is refused and costs nothing. `alreadyServed` is paid first.
 */
export function decide(
  ledger: Ledger,
  tier: Tier,
  proofs: readonly Proof[],
  holds: (proof: Proof) => boolean,
  alreadyServed: number,
  now: number,
): Decision {
  if (tier.unlimited) return decideUnlimited(ledger, proofs, holds, alreadyServed);
  const names = tier.policies.map((policy) => policy.name);
  const reconciled = reconcile(ledger.buckets, tier.policies, now);
  // A lease was stored against the policies of its time: it does not cover buckets that came or changed since.
  const held = reconciled === ledger.buckets ? ledger.lease : noLease;
  const before = refillAll(reconciled, now);
  let buckets = debitAll(before, names, alreadyServed);
  let spent = alreadyServed;
  const verdicts = proofs.map((proof): Verdict => {
    if (!holds(proof)) return { kind: "refused" };
    const violated = names.filter((name) => left(buckets, name) < 1);
    if (violated.length > 0) return limited(buckets, names, violated, now);
    buckets = debitAll(buckets, names, 1);
    spent += 1;
    return { kind: "admitted", limits: states(buckets, names, now) };
  });
  const usage = ledger.usage + spent;
  if (spent === 0) return { verdicts, ledger: { ...ledger, buckets, lease: held } };
  if (covers(held, spent, now)) {
    const lease = { ...held, left: held.left - spent };
    return { verdicts, ledger: { buckets, lease, usage } };
  }
  const { lease, stored } = takeLease(before, names, spent, now);
  return {
    verdicts,
    ledger: { buckets, lease: { ...lease, left: lease.left - spent }, usage },
    stored: { buckets: stored, usage },
  };
}

function decideUnlimited(
  ledger: Ledger,
  proofs: readonly Proof[],
  holds: (proof: Proof) => boolean,
  alreadyServed: number,
): Decision {
  const verdicts = proofs.map((proof): Verdict =>
    holds(proof) ? { kind: "admitted", limits: [] } : { kind: "refused" },
  );
  const usage = ledger.usage + alreadyServed + verdicts.filter((verdict) => verdict.kind === "admitted").length;
  // What is stored here knows nothing of a lease any more, so none may be spent if the tier is limited again.
  return { verdicts, ledger: { ...ledger, lease: noLease, usage }, stored: { buckets: ledger.buckets, usage } };
}

function limited(buckets: Buckets, names: readonly string[], violated: string[], now: number): Verdict {
  const wait = Math.max(...names.flatMap((name) => (buckets[name] === undefined ? [] : waitMs(buckets[name], now))));
  return {
    kind: "limited",
    limits: states(buckets, names, now),
    violated,
    retryAfterSeconds: Math.max(1, Math.ceil(wait / 1000)),
  };
}

function left(buckets: Buckets, name: string): number {
  const bucket = buckets[name];
  return bucket === undefined ? 0 : remaining(bucket);
}

function states(buckets: Buckets, names: readonly string[], now: number): LimitState[] {
  return names.flatMap((name) => (buckets[name] === undefined ? [] : limitState(name, buckets[name], now)));
}
