import type { ClientRequest } from "./read-request.ts";

/** Whether a request is a CORS preflight (Fetch standard §3.2.2) that may succeed. No page of another origin may call operator routes. */
export function isPreflight({ method, url, raw }: ClientRequest): boolean {
  return (
    method === "OPTIONS" &&
    !url.pathname.startsWith("/operator/") &&
    raw.headers.has("origin") &&
    raw.headers.has("access-control-request-method")
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
