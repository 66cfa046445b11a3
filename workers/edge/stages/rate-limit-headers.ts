import type { LimitState } from "../../../schema/admission.ts";

/**
 * Writes `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers; lists of structured field items, RFC 9651).
 * Names of policies are plain ASCII by their schema and need no escaping. Nothing for an unlimited tier.
 */
export function setRateLimitHeaders(headers: Headers, limits: readonly LimitState[]): void {
  if (limits.length === 0) return;
  headers.set(
    "ratelimit-policy",
    limits.map(({ name, quota, window_seconds }) => `"${name}";q=${quota};w=${window_seconds}`).join(", "),
  );
  headers.set(
    "ratelimit",
    limits.map(({ name, remaining, reset_seconds }) => `"${name}";r=${remaining};t=${reset_seconds}`).join(", "),
  );
}
