import { recordedHeader, resourceHeader } from "../../../schema/forwarded.ts";
import type { Passage } from "./passage.ts";
import { setCorsHeaders } from "./cors.ts";
import { setRateLimitHeaders } from "./rate-limit-headers.ts";

/** Headers of every answer (https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers). */
const security = [
  ["strict-transport-security", "max-age=63072000; includeSubDomains"],
  ["x-content-type-options", "nosniff"],
] as const;

/** Headers of the platform's own answers, which are no pages. */
const ownSecurity = [
  ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
  ["referrer-policy", "no-referrer"],
] as const;

/** The answer as the client gets it: with the request's id, the home region, the limits and the headers that keep it safe. */
export function finish(response: Response, passage: Passage): Response {
  const headers = new Headers(response.headers);
  headers.delete(resourceHeader);
  headers.delete(recordedHeader);
  headers.set("domicile-request-id", passage.facts.requestId);
  if (passage.region !== null) headers.set("domicile-region", passage.region);
  setRateLimitHeaders(headers, passage.limits);
  for (const [name, value] of security) headers.set(name, value);
  if (!passage.proxied) {
    for (const [name, value] of ownSecurity) headers.set(name, value);
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  } else if (!headers.has("cache-control")) {
    // The answer depends on the credential: no shared cache may keep it unless the customer says so.
    headers.set("cache-control", "private");
  }
  setCorsHeaders(headers, passage.request.headers.get("origin"), passage.corsOrigins ?? []);
  const { status, statusText } = response;
  const body = passage.request.method === "HEAD" ? null : response.body;
  return new Response(body, { status, statusText, headers });
}
