/** Response headers that a script may read besides the safelisted ones. */
const exposed = "Domicile-Request-Id, Domicile-Region, RateLimit, RateLimit-Policy, Retry-After, Idempotent-Replayed";

/** Whether a request is a CORS preflight (Fetch standard §3.2.2) that may succeed. Operator routes are for no other origin's pages. */
export function isPreflight(request: Request, path: string): boolean {
  return (
    !path.startsWith("/operator/") &&
    request.method === "OPTIONS" &&
    request.headers.has("origin") &&
    request.headers.has("access-control-request-method")
  );
}

/**
 * The answer to a preflight. It carries no credential, so no customer is known: an origin that some customer allows may ask; the
 * request itself is then held to the principal's own customer.
 */
export function preflightResponse(origin: string | null, allowedByAny: readonly string[]): Response {
  const headers = new Headers({ vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers" });
  if (origin !== null && allowedByAny.includes(origin)) {
    headers.set("access-control-allow-origin", origin);
    headers.set("access-control-allow-credentials", "true");
    headers.set("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
    headers.set("access-control-allow-headers", "Authorization, Content-Type, Idempotency-Key, Traceparent");
    headers.set("access-control-max-age", "600");
  }
  return new Response(null, { status: 204, headers });
}

/** Lets a script of `origin` read the answer, if `allowed` has it. Replaces whatever an upstream says of CORS. */
export function setCorsHeaders(headers: Headers, origin: string | null, allowed: readonly string[]): void {
  for (const name of ["allow-origin", "allow-credentials", "expose-headers"]) headers.delete(`access-control-${name}`);
  headers.append("vary", "Origin");
  if (origin === null || !allowed.includes(origin)) return;
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-allow-credentials", "true");
  headers.set("access-control-expose-headers", exposed);
}
