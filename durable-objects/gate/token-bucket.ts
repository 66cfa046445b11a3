import type { LimitState } from "../../schema/admission.ts";
import type { Policy } from "../../schema/config.ts";

const secondMs = 1000;

/**
 * The state of one token bucket. `level` is in units of 1/window token: a full bucket holds `quota * window_seconds`
 * units, one request costs `window_seconds`, each whole second of the bucket's own clock adds `quota`. All integers.
 */
export interface Bucket {
  readonly quota: number;
  readonly window: number;
  readonly level: number;
  /** Epoch milliseconds up to which refills are counted. In the future for a bucket restored after a crash. */
  readonly asOf: number;
}

/** The buckets of one principal, by policy name. */
export type Buckets = Readonly<Record<string, Bucket>>;

/** A full bucket for a policy. */
export function fullBucket(policy: Policy, now: number): Bucket {
  return { quota: policy.quota, window: policy.window_seconds, level: policy.quota * policy.window_seconds, asOf: now };
}

/**
 * Adds the tokens of the whole seconds that have passed. A full bucket's clock stands still until something is taken, so
 * that its first second lasts a whole second. A clock that goes back changes nothing.
 */
export function refill(bucket: Bucket, now: number): Bucket {
  const capacity = bucket.quota * bucket.window;
  if (bucket.level >= capacity) return now > bucket.asOf ? { ...bucket, level: capacity, asOf: now } : bucket;
  const ticks = Math.floor((now - bucket.asOf) / secondMs);
  if (ticks <= 0) return bucket;
  const level = bucket.level + ticks * bucket.quota;
  return level >= capacity
    ? { ...bucket, level: capacity, asOf: now }
    : { ...bucket, level, asOf: bucket.asOf + ticks * secondMs };
}

/** Whole requests that a bucket can still pay for. */
export function remaining(bucket: Bucket): number {
  return Math.max(0, Math.floor(bucket.level / bucket.window));
}

/** Takes `requests` from a bucket, to below nothing if there is less (what was served must be paid for). */
export function debit(bucket: Bucket, requests: number): Bucket {
  return { ...bucket, level: bucket.level - requests * bucket.window };
}

/** Milliseconds until a bucket can pay for one request; 0 if it can now. */
export function waitMs(bucket: Bucket, now: number): number {
  const lacking = bucket.window - bucket.level;
  if (lacking <= 0) return 0;
  return bucket.asOf + Math.ceil(lacking / bucket.quota) * secondMs - now;
}

/** How a bucket is told to the client. `reset_seconds`: until tokens are added next, rounded up; 0 when full. */
export function limitState(name: string, bucket: Bucket, now: number): LimitState {
  const full = bucket.level >= bucket.quota * bucket.window;
  return {
    name,
    quota: bucket.quota,
    window_seconds: bucket.window,
    remaining: remaining(bucket),
    reset_seconds: full ? 0 : Math.max(1, Math.ceil((bucket.asOf + secondMs - now) / secondMs)),
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
  if (bucket === undefined) return fullBucket(policy, now);
  const current = refill(bucket, now);
  const level = Math.floor((current.level * policy.window_seconds) / current.window);
  const capacity = policy.quota * policy.window_seconds;
  return {
    quota: policy.quota,
    window: policy.window_seconds,
    level: Math.min(level, capacity),
    asOf: Math.max(current.asOf, level >= capacity ? now : current.asOf),
  };
}
