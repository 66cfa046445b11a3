import type { Buckets, LimitState } from "../../schema/admission.ts";
import { limitState, remaining, waitMs } from "./token-bucket.ts";
import { refillAll } from "./lease.ts";

/** What a client is told when a quota is used up. */
export interface Limited {
  readonly limits: readonly LimitState[];
  /** The policies that cannot pay for one request. */
  readonly violated: readonly string[];
  /** Whole seconds after which one request will be admitted, if none comes before. At least 1. */
  readonly retryAfterSeconds: number;
}

/** What a client is told of the buckets of its tier at `now`, by the Gate's clock. `violated` is empty when they can pay again. */
export function limitedAt(buckets: Buckets, now: number): Limited {
  const current = refillAll(buckets, now);
  const wait = Math.max(0, ...Object.values(current).map((bucket) => waitMs(bucket, now)));
  return {
    limits: limitStates(current, now),
    violated: violatedOf(current),
    retryAfterSeconds: Math.max(1, Math.ceil(wait / 1000)),
  };
}

/** The names of the buckets that cannot pay for one request. */
export function violatedOf(buckets: Buckets): string[] {
  return Object.keys(buckets).filter((name) => buckets[name] !== undefined && remaining(buckets[name]) < 1);
}

/** How buckets are reported to the client at `now`. */
export function limitStates(buckets: Buckets, now: number): LimitState[] {
  return Object.entries(buckets).map(([name, bucket]) => limitState(name, bucket, now));
}
