import type { Bucket, Buckets } from "../../schema/admission.ts";
import type { Policy } from "../../schema/config.ts";
import { debit, refill } from "./token-bucket.ts";

/*
 * Debit ahead. A Gate stores a row { levels at S, lease L } and spends from memory. A Gate that starts at t without memory takes
 * for its levels restore(row, t): the stored levels refilled from S to t, less L.
 *
 * Claim: restore(row, t) is never more than the truth, whenever the Gate dies. For one bucket with capacity C and rate r, let
 *   f(t) = min(level(S) + r (t - S), C)   the stored level, refilled and never debited,
 *   x(t)                                  the level in memory: it starts as level(S), is refilled up to C, and debited,
 *   d(t) = f(t) - x(t)                    the deficit.
 * 1. A debit of n raises d by n. Refilling never raises d: with x = f - d and d >= 0,
 *    min(x + r dt, C) = min(f + r dt - d, C) >= min(f + r dt, C) - d. The cap can only lower d.
 * 2. So d never exceeds what was spent since S, whenever it was spent, and spending at most L keeps d <= L for ever.
 * 3. `covers` checks d <= L, for each bucket, after every spending and before the answer. If it fails, a new row is written
 *    (d = 0 again), and the output gate holds the answer until the row is durable. Hence x(t) >= f(t) - L = restore(row, t)
 *    at every moment at which the Gate can die.
 * 4. x is never more than the exact bucket (by 3 at each restart, equal in between), and `granted` is never more than x. So
 *    no request is admitted that the exact bucket would not pay for.
 *
 * The price: x <= f, so a restart loses at most L tokens of each bucket. They come back within L / r, at most `maximumLossMs`.
 *
 * Checking the deficit and not a count of requests means that what has refilled since need not be written: a principal that
 * spends more slowly than its buckets refill writes almost nothing, and any other writes at most one row for L requests.
 */

/** What a Gate stores of its principal's spending. */
export interface LedgerRow {
  /** Levels after everything spent until then. */
  readonly buckets: Buckets;
  /** Tokens of each bucket that may be missing in memory before a new row is written. */
  readonly lease: number;
  /** Requests counted until then. */
  readonly usage: number;
}

/** A restart costs no bucket more than it refills in this time, in milliseconds. An idle object is evicted after 10 s or more. */
const maximumLossMs = 10_000;
/** Requests that may be missing in `usage` after a restart. */
const maximumUncounted = 100;
/** How far a stored time may lie ahead of the clock, in milliseconds: two machines' clocks differ by less. */
const clockSkewMs = 5000;

/** Half of the smallest quota, and of no bucket more than it refills in ten seconds; 0 without policies. */
export function leaseSize(policies: readonly Policy[]): number {
  if (policies.length === 0) return 0;
  const sizes = policies.map(({ quota, window_seconds }) =>
    Math.min(quota / 2, (quota * maximumLossMs) / (window_seconds * 1000)),
  );
  return Math.floor(Math.min(...sizes));
}

/**
 * The levels that a Gate has at `now` when all that it knows is a row. A stored time far ahead of the clock was written under a
 * clock that stood wrong; it is cut, or the principal would be locked out for as long as that clock was ahead.
 */
export function restore(row: LedgerRow, now: number): Buckets {
  return mapBuckets(row.buckets, (bucket) => restoreBucket(bucket, row.lease, now));
}

/** Whether a Gate that died at `now` would come back from `row` with no more than it has: nothing need be written. */
export function covers(
  row: LedgerRow,
  held: { readonly buckets: Buckets; readonly usage: number },
  names: readonly string[],
  now: number,
): boolean {
  if (held.usage - row.usage >= maximumUncounted) return false;
  return names.every((name) => {
    const [stored, current] = [row.buckets[name], held.buckets[name]];
    if (stored === undefined || current === undefined) return false;
    return restoreBucket(stored, row.lease, now).level <= current.level;
  });
}

/** Brings all buckets to `now`. */
export function refillAll(buckets: Buckets, now: number): Buckets {
  return mapBuckets(buckets, (bucket) => refill(bucket, now));
}

/** Takes `requests` from the buckets named, and leaves the others. */
export function debitAll(buckets: Buckets, names: readonly string[], requests: number): Buckets {
  const debited = pick(buckets, names);
  return { ...buckets, ...mapBuckets(debited, (bucket) => debit(bucket, requests)) };
}

/** The buckets named. */
export function pick(buckets: Buckets, names: readonly string[]): Buckets {
  return Object.fromEntries(
    names.flatMap((name) => (buckets[name] === undefined ? [] : [[name, buckets[name]] as const])),
  );
}

function restoreBucket(bucket: Bucket, lease: number, now: number): Bucket {
  const latest = now + clockSkewMs;
  const cut = { ...bucket, asOf: Math.min(bucket.asOf, latest), tickAt: Math.min(bucket.tickAt, latest) };
  return debit(refill(cut, now), lease);
}

function mapBuckets(buckets: Buckets, change: (bucket: Bucket) => Bucket): Buckets {
  return Object.fromEntries(Object.entries(buckets).map(([name, bucket]) => [name, change(bucket)]));
}
