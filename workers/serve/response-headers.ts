import type { LimitState } from "../../schema/admission.ts";

/** Response headers that a script may read besides the safelisted ones. */
const exposed = "Domicile-Request-Id, Domicile-Region, RateLimit, RateLimit-Policy, Retry-After, Idempotent-Replayed";

/**
 * Sets the security headers of every response
 * (https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers). `proxied`: it is the
 * customer's own, whose headers are kept where they can be.
 */
export function setSecurityHeaders(headers: Headers, proxied: boolean): void {
  headers.set("strict-transport-security", "max-age=63072000; includeSubDomains");
  headers.set("x-content-type-options", "nosniff");
  if (!proxied) {
    headers.set("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    headers.set("referrer-policy", "no-referrer");
  }
  // A proxied response depends on the credential: no shared cache may keep it unless the customer says so.
  if (!headers.has("cache-control")) headers.set("cache-control", proxied ? "private" : "no-store");
}

/** Lets a script of `origin` read the response, if `allowed` has it. Replaces whatever an upstream says of CORS. */
export function setCorsHeaders(headers: Headers, origin: string | null, allowed: readonly string[]): void {
  for (const name of ["allow-origin", "allow-credentials", "expose-headers"]) headers.delete(`access-control-${name}`);
  headers.append("vary", "Origin");
  if (origin === null || !allowed.includes(origin)) return;
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-allow-credentials", "true");
  headers.set("access-control-expose-headers", exposed);
}

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
