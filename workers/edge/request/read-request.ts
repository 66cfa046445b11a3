import { newId } from "../../../schema/ids.ts";

/** A request of a client: what it is, and the facts that are known before anything is decided. */
export interface ClientRequest {
  readonly raw: Request;
  readonly method: string;
  readonly url: URL;
  readonly requestId: string;
  /** ISO 3166-1 alpha-2, null when unknown (also for Tor, which Cloudflare calls T1, and for XX). */
  readonly country: string | null;
  /** Personal: for guess limits, the audit record and the upstream, never for a log. */
  readonly clientAddress: string;
  /** Personal too. */
  readonly userAgent: string | null;
  /** W3C Trace Context: the client's if it is well-formed, else a new one. */
  readonly traceparent: string;
}

/** Reads a request for `url`. `local`: `Domicile-Dev-Country` sets the country, which is "US" without it. */
export function readRequest(raw: Request, url: URL, local: boolean): ClientRequest {
  return {
    raw,
    method: raw.method,
    url,
    requestId: newId("request"),
    country: readCountry(raw, local),
    clientAddress: raw.headers.get("cf-connecting-ip") ?? "127.0.0.1",
    userAgent: raw.headers.get("user-agent"),
    traceparent: readTraceparent(raw.headers.get("traceparent")) ?? newTraceparent(),
  };
}

function readCountry(request: Request, local: boolean): string | null {
  const cf = request.cf as IncomingRequestCfProperties | undefined;
  const country = local ? (request.headers.get("domicile-dev-country") ?? "US") : cf?.country;
  return typeof country === "string" && /^[A-Z]{2}$/.test(country) && country !== "XX" ? country : null;
}

/** A version-00 traceparent with a trace and a parent that are not all zeros (https://www.w3.org/TR/trace-context/#traceparent-header). */
function readTraceparent(header: string | null): string | null {
  if (header === null || !/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(header)) return null;
  return header;
}

function newTraceparent(): string {
  const hex = crypto.randomUUID().replaceAll("-", "");
  const parent = crypto.randomUUID().replaceAll("-", "").slice(16);
  return `00-${hex}-${parent}-00`;
}
