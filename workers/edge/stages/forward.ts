import { formatActor, forwardedHeader, type Actor } from "../../../schema/forwarded.ts";
import { reached } from "../../serve/reached.ts";
import type { Passage } from "./passage.ts";

/** What a forwarded request differs in from the one that came. */
export interface Forwarding {
  readonly actor: Actor | null;
  readonly customerId?: string;
  /** The URL to ask instead: another query. */
  readonly url?: URL;
  /** The body, where the edge has read it. */
  readonly body?: Uint8Array;
}

/** Headers that end at the edge: the credential is proven here, and nobody further on needs it. */
const withheld = new Set(["authorization", "cf-access-jwt-assertion"]);

/** Headers of a body, which a GET or HEAD has no use for (RFC 9110 §9.3.1) and may not be forwarded with. */
const ofBody = new Set(["content-length", "content-type", "content-encoding", "transfer-encoding"]);

/**
 * Forwards a request to a Worker over its private binding, streaming; `unavailable` (503) when the Worker cannot be reached. The body of a
 * GET or HEAD is dropped: it means nothing. No header that a client sends under `Domicile-` gets through; the edge sets those itself.
 */
export function forward(
  worker: Fetcher,
  passage: Passage,
  { actor, customerId, url, body }: Forwarding,
): Promise<Response> {
  const { request, facts } = passage;
  const bodiless = request.method === "GET" || request.method === "HEAD";
  const headers = new Headers();
  for (const [name, value] of request.headers) {
    if (name.startsWith("domicile-") || withheld.has(name) || (bodiless && ofBody.has(name))) continue;
    headers.append(name, value);
  }
  headers.set(forwardedHeader.requestId, facts.requestId);
  headers.set(forwardedHeader.clientAddress, facts.clientAddress);
  headers.set("traceparent", facts.traceparent);
  if (facts.country !== null) headers.set(forwardedHeader.country, facts.country);
  if (actor !== null) headers.set(forwardedHeader.actor, formatActor(actor));
  if (customerId !== undefined) headers.set(forwardedHeader.customer, customerId);
  return reached(
    worker.fetch(url ?? request.url, {
      method: request.method,
      headers,
      body: bodiless ? null : (body ?? request.body),
      redirect: "manual",
    }),
  );
}
