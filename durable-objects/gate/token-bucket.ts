import type { Bucket, Buckets, LimitState } from "../../schema/admission.ts";
import type { Policy } from "../../schema/config.ts";

// A full bucket holds `quota · window · 1000` units and one request costs `window · 1000`.
//
// `level` is the exact bucket. `granted` is what of it may be spent until the next tick: the level as it was at the last whole
// second of the bucket's clock. It is never more than the level, so no span sees more than the exact bucket lets through, and
// whole seconds in headers are exact.

/** Milliseconds between two ticks. */
const secondMs = 1000;

/** A full bucket for a policy. */
export function fullBucket({ quota, window_seconds: window }: Policy, now: number): Bucket {
  const level = capacity({ quota, window });
  return { quota, window, level, asOf: now, granted: level, tickAt: now };
}

/**
 * Brings a bucket to `now`. The clock of a full bucket stands still until something is taken, so that its first second lasts a
 * whole second. A clock that goes back changes nothing.
 */
export function refill(bucket: Bucket, now: number): Bucket {
  const ticks = Math.floor((now - bucket.tickAt) / secondMs);
  if (ticks <= 0) return now > bucket.asOf ? { ...bucket, level: levelAt(bucket, now), asOf: now } : bucket;
  const tickAt = bucket.tickAt + ticks * secondMs;
  const granted = levelAt(bucket, tickAt);
  const level = levelAt(bucket, now);
  if (granted === capacity(bucket)) return { ...bucket, level, asOf: now, granted, tickAt: now };
  return { ...bucket, level, asOf: Math.max(bucket.asOf, now), granted, tickAt };
}

/** Whole requests that may be spent now. */
export function remaining(bucket: Bucket): number {
  return Math.max(0, Math.floor(bucket.granted / costOf(bucket)));
}

/** Takes `requests` from a bucket, to below nothing if there is less (what was served must be paid for). */
export function debit(bucket: Bucket, requests: number): Bucket {
  const cost = requests * costOf(bucket);
  return { ...bucket, level: bucket.level - cost, granted: bucket.granted - cost };
}

/** Gives `requests` back, up to full. */
export function credit(bucket: Bucket, requests: number): Bucket {
  const level = Math.min(bucket.level + requests * costOf(bucket), capacity(bucket));
  return { ...bucket, level, granted: Math.min(bucket.granted + requests * costOf(bucket), level) };
}

/** Milliseconds until a bucket can pay for one request: to the first tick at which the level suffices. 0 if it can now. */
export function waitMs(bucket: Bucket, now: number): number {
  if (remaining(bucket) >= 1) return 0;
  const lacking = Math.max(0, costOf(bucket) - bucket.level);
  const enoughAt = bucket.asOf + Math.ceil(lacking / bucket.quota);
  const ticks = Math.max(1, Math.ceil((enoughAt - bucket.tickAt) / secondMs));
  return bucket.tickAt + ticks * secondMs - now;
}

/** How a bucket is told to the client. `reset_seconds`: until tokens are granted next, rounded up; 0 when full. */
export function limitState(name: string, bucket: Bucket, now: number): LimitState {
  const full = bucket.granted === capacity(bucket);
  return {
    name,
    quota: bucket.quota,
    window_seconds: bucket.window,
    remaining: remaining(bucket),
    reset_seconds: full ? 0 : Math.max(1, Math.ceil((bucket.tickAt + secondMs - now) / secondMs)),
  };
}

/**
 * The buckets that `policies` ask for, from those that are there. A policy keeps its number of tokens when its quota or
 * window changes, up to the new quota, so that changing to and fro mints nothing. Buckets that no policy names are kept
 * for that reason too.
 */
export function reconcile(buckets: Buckets, policies: readonly Policy[], now: number): Buckets {
  const stale = policies.filter(({ name, quota, window_seconds }) => {
    const bucket = buckets[name];
    return bucket?.quota !== quota || bucket.window !== window_seconds;
  });
  if (stale.length === 0) return buckets;
  const changed = stale.map((policy) => [policy.name, converted(buckets[policy.name], policy, now)] as const);
  return { ...buckets, ...Object.fromEntries(changed) };
}

function converted(bucket: Bucket | undefined, policy: Policy, now: number): Bucket {
  const full = fullBucket(policy, now);
  if (bucket === undefined) return full;
  const current = refill(bucket, now);
  const level = Math.min(Math.floor((current.level / costOf(current)) * costOf(full)), full.level);
  const granted = Math.min(Math.floor((current.granted / costOf(current)) * costOf(full)), level);
  return { ...full, level, granted, asOf: current.asOf, tickAt: current.tickAt };
}

function capacity({ quota, window }: Pick<Bucket, "quota" | "window">): number {
  return quota * window * 1000;
}

function costOf({ window }: Bucket): number {
  return window * 1000;
}

function levelAt(bucket: Bucket, time: number): number {
  if (time <= bucket.asOf) return bucket.level;
  return Math.min(bucket.level + (time - bucket.asOf) * bucket.quota, capacity(bucket));
}
