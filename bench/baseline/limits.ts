import type { Redis } from "ioredis";
import { RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { limitPolicies } from "../limits.ts";

/** Whether a request is within the limits: the `RateLimit` header, or in how many seconds to try again. */
export type LimitResult = { readonly header: string } | { readonly retryAfter: number };

/** The limits of `limitPolicies` by rate-limiter-flexible over Redis. */
export function openLimits(redis: Redis): (user: string) => Promise<LimitResult> {
  const limiters = limitPolicies.map(({ name, quota, window_seconds }) => {
    const options = { storeClient: redis, keyPrefix: name, points: quota, duration: window_seconds };
    return { name, limiter: new RateLimiterRedis(options) };
  });
  return async (user) => {
    try {
      const states = await Promise.all(
        limiters.map(async ({ name, limiter }) => {
          const { remainingPoints } = await limiter.consume(user);
          return `"${name}";r=${remainingPoints};t=1`;
        }),
      );
      return { header: states.join(", ") };
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      return { retryAfter: Math.ceil(refusal.msBeforeNext / 1000) };
    }
  };
}
