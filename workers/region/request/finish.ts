import type { LimitState, Refusal } from "../../../schema/admission.ts";
import { returnedHeader } from "../../../schema/forwarded.ts";
import type { Region } from "../../../schema/regions.ts";
import { setCorsHeaders, setRateLimitHeaders, setSecurityHeaders } from "../../serve/response-headers.ts";

/** What the headers of a response depend on. */
export interface Finding {
  /** The home region, for a caller who is known; null otherwise. */
  readonly region: Region | null;
  readonly limits: readonly LimitState[];
  readonly origin: string | null;
  /** Origins whose pages may read the response. */
  readonly corsOrigins: readonly string[];
  /** Whether the response is the customer's own. */
  readonly proxied: boolean;
  /** Whether the request is recorded, or has changed nothing. */
  readonly settled: boolean;
  /** The customer of an API key; null for every other caller. */
  readonly keyCustomerId: string | null;
  /** The Gate's refusal, for the edge to remember; null without one. */
  readonly refusal: Refusal | null;
}

/** The findings about a caller without a home region of its own, as an operator. */
export const unknownCaller = {
  region: null,
  limits: [],
  origin: null,
  corsOrigins: [],
  proxied: false,
  keyCustomerId: null,
  refusal: null,
} as const;

/** Sets the headers of a response on its way to the edge. */
export function finish(response: Response, finding: Finding): Response {
  const { headers } = response;
  headers.delete(returnedHeader.resource);
  headers.delete(returnedHeader.recorded);
  if (finding.settled) headers.set(returnedHeader.settled, "1");
  else headers.delete(returnedHeader.settled);
  if (finding.keyCustomerId !== null) headers.set(returnedHeader.customer, finding.keyCustomerId);
  if (finding.refusal !== null) headers.set(returnedHeader.refusal, JSON.stringify(finding.refusal));
  if (finding.region !== null) headers.set("domicile-region", finding.region);
  setRateLimitHeaders(headers, finding.limits);
  setSecurityHeaders(headers, finding.proxied);
  setCorsHeaders(headers, finding.origin, finding.corsOrigins);
  return response;
}
