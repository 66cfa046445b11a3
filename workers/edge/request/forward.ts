import { writeForwarded, type Caller, type UserHomes } from "../../../schema/forwarded.ts";
import type { ClientRequest } from "./read-request.ts";

/** What a forwarded request carries besides the client's own. */
export interface Forwarding {
  readonly caller: Caller;
  readonly userHomes: UserHomes | null;
  /** The body, where the edge has read it; null where it streams. */
  readonly body: Uint8Array | null;
}

/** Headers that end at the edge: the credential is verified here, and no other Worker needs it. */
const withheld = new Set(["authorization", "cf-access-jwt-assertion"]);

/** Headers of a body, which a GET or HEAD has no use for (RFC 9110 §9.3.1) and may not be forwarded with. */
const ofBody = new Set(["content-length", "content-type", "content-encoding", "transfer-encoding"]);

/**
 * Sends a request to a Worker over its private binding, streaming. The body of a GET or HEAD is dropped: it means nothing. So is
 * every `Domicile-*` header of the client: what a Worker reads under that name was written here.
 */
export function forward(
  worker: Fetcher,
  { raw, method, url, requestId, country, clientAddress, traceparent }: ClientRequest,
  { caller, userHomes, body }: Forwarding,
): Promise<Response> {
  const bodiless = method === "GET" || method === "HEAD";
  const headers = new Headers(raw.headers);
  for (const name of raw.headers.keys()) {
    if (name.startsWith("domicile-") || withheld.has(name) || (bodiless && ofBody.has(name))) headers.delete(name);
  }
  headers.set("traceparent", traceparent);
  writeForwarded(headers, { requestId, caller, country, clientAddress, userHomes, positions: null });
  return worker.fetch(url.href, { method, headers, body: bodiless ? null : (body ?? raw.body), redirect: "manual" });
}
