/** Headers of one hop (RFC 9110 §7.6.1), besides those that `Connection` names. */
const hopByHop = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Request headers that are ours or the edge network's, and no business of an upstream. */
const withheld = [
  "authorization",
  "host",
  "forwarded",
  "x-real-ip",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "cdn-loop",
];

/** What the upstream is told of a request besides its own headers. */
export interface UpstreamFacts {
  readonly identity: string;
  readonly requestId: string;
  readonly clientAddress: string;
  /** The host that the client asked. */
  readonly host: string;
  readonly protocol: string;
}

/**
 * The headers that go to an upstream: the client's without those of the hop, the credential and anything that begins with
 * `Domicile-` or `CF-`, and with the identity that the region signed.
 */
export function upstreamHeaders(inbound: Headers, facts: UpstreamFacts): Headers {
  const headers = withoutHop(inbound);
  for (const name of withheld) headers.delete(name);
  deletePrefixed(headers, ["domicile-", "cf-"]);
  const cookie = withoutSession(headers.get("cookie"));
  if (cookie === null) headers.delete("cookie");
  else headers.set("cookie", cookie);
  headers.set("domicile-identity", facts.identity);
  headers.set("domicile-request-id", facts.requestId);
  headers.set("x-forwarded-for", facts.clientAddress);
  headers.set("x-forwarded-host", facts.host);
  headers.set("x-forwarded-proto", facts.protocol);
  return headers;
}

/** The headers that come back from an upstream, without those of the hop, ours, and any attempt at our session cookie. */
export function downstreamHeaders(outbound: Headers): Headers {
  const headers = withoutHop(outbound);
  deletePrefixed(headers, ["domicile-", "ratelimit"]);
  const cookies = outbound.getSetCookie();
  if (cookies.length > 0) {
    headers.delete("set-cookie");
    for (const cookie of cookies) {
      if (!/^\s*__host-session\s*=/i.test(cookie)) headers.append("set-cookie", cookie);
    }
  }
  return headers;
}

function withoutHop(from: Headers): Headers {
  const headers = new Headers(from);
  const named = (from.get("connection") ?? "").split(",").map((name) => name.trim().toLowerCase());
  for (const name of [...hopByHop, ...named]) if (/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) headers.delete(name);
  return headers;
}

function deletePrefixed(headers: Headers, prefixes: readonly string[]): void {
  for (const name of Array.from(headers.keys()))
    if (prefixes.some((prefix) => name.startsWith(prefix))) headers.delete(name);
}

function withoutSession(cookie: string | null): string | null {
  if (cookie === null) return null;
  const kept = cookie.split(";").filter((pair) => !/^\s*__host-session\s*=/i.test(pair));
  return kept.length === 0 ? null : kept.join(";").trim();
}
