import { debit, refill, remaining, type Buckets } from "./token-bucket.ts";

/** How long a lease may be spent, in milliseconds. */
export const leaseMs = 5000;

/** Requests that were debited from storage ahead and may be spent from memory until `until` (epoch milliseconds). */
export interface Lease {
  readonly left: number;
  readonly until: number;
}

/** The lease of an object that has just started: nothing. */
export const noLease: Lease = { left: 0, until: 0 };

/** Whether one more request may be spent without writing. */
export function covers(lease: Lease, requests: number, now: number): boolean {
  return lease.left >= requests && now < lease.until;
}

/**
 * A new lease over the buckets `names`, and what must be stored before it is spent. Stored levels are lower by the whole lease
 * and dated to its end, so that nothing refills before: every spending under it happens no later, and none of it is more.
 * Whenever the object dies, what is stored is at most the truth. A crash loses tokens, never the limit.
 *
 * The size is a tenth of the smallest quota, so that is what a crash can lose; at least `wanted`.
 */
export function takeLease(
  buckets: Buckets,
  names: readonly string[],
  wanted: number,
  now: number,
): { lease: Lease; stored: Buckets } {
  const active = names.flatMap((name) => buckets[name] ?? []);
  const tenth = Math.min(...active.map((bucket) => Math.ceil(bucket.quota / 10)));
  const payable = Math.min(...active.map(remaining));
  const size = Math.max(wanted, Math.min(tenth, payable));
  const until = now + leaseMs;
  const stored = mapBuckets(debitAll(buckets, names, size), (bucket) => ({
    ...bucket,
    asOf: Math.max(bucket.asOf, until),
    tickAt: Math.max(bucket.tickAt, until),
  }));
  return { lease: { left: size, until }, stored };
}

/** Brings all buckets to `now`. */
export function refillAll(buckets: Buckets, now: number): Buckets {
  return mapBuckets(buckets, (bucket) => refill(bucket, now));
}

/** Takes `requests` from the buckets named, and leaves the others. */
export function debitAll(buckets: Buckets, names: readonly string[], requests: number): Buckets {
  const taken = names.flatMap((name) => {
    const bucket = buckets[name];
    return bucket === undefined ? [] : [[name, debit(bucket, requests)] as const];
  });
  return { ...buckets, ...Object.fromEntries(taken) };
}

/**
 * What was stored, made safe against a clock that stood wrong: a date further ahead than any lease reaches is cut to
 * that, or a principal could be locked out for as long as the clock was wrong.
 */
export function restore(stored: Buckets, now: number): Buckets {
  return mapBuckets(stored, (bucket) => ({
    ...bucket,
    asOf: Math.min(bucket.asOf, now + leaseMs),
    tickAt: Math.min(bucket.tickAt, now + leaseMs),
  }));
}

function mapBuckets(buckets: Buckets, change: (bucket: Buckets[string]) => Buckets[string]): Buckets {
  return Object.fromEntries(Object.entries(buckets).map(([name, bucket]) => [name, change(bucket)]));
}
