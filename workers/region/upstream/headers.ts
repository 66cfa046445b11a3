/** Headers of one hop (RFC 9110 §7.6.1), besides those that `Connection` names. */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Request headers that are ours or the edge network's, and no business of an upstream. */
const withheld: ReadonlySet<string> = new Set([
  "authorization",
  "host",
  "forwarded",
  "x-real-ip",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "cdn-loop",
]);

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
  const headers = new Headers(inbound);
  remove(headers, (name) => withheld.has(name) || name.startsWith("domicile-") || name.startsWith("cf-"));
  const cookie = headers.get("cookie");
  if (cookie !== null) {
    const kept = withoutSession(cookie);
    if (kept === null) headers.delete("cookie");
    else headers.set("cookie", kept);
  }
  headers.set("domicile-identity", facts.identity);
  headers.set("domicile-request-id", facts.requestId);
  headers.set("x-forwarded-for", facts.clientAddress);
  headers.set("x-forwarded-host", facts.host);
  headers.set("x-forwarded-proto", facts.protocol);
  return headers;
}

/** Removes from an upstream's response the headers of the hop, ours, and any attempt at our session cookie. */
export function removeWithheld(headers: Headers): void {
  remove(headers, (name) => name.startsWith("domicile-") || name.startsWith("ratelimit"));
  const cookies = headers.getSetCookie();
  const kept = cookies.filter((cookie) => !/^\s*__host-session\s*=/i.test(cookie));
  if (kept.length === cookies.length) return;
  headers.delete("set-cookie");
  for (const cookie of kept) headers.append("set-cookie", cookie);
}

/** Removes the headers of the hop, also those that `Connection` names, and those that are `removed`. */
function remove(headers: Headers, removed: (name: string) => boolean): void {
  const connection = headers.get("connection")?.toLowerCase().split(",") ?? [];
  const named = new Set(connection.map((name) => name.trim()));
  // A list: the iterator must not see the removals.
  for (const name of Array.from(headers.keys()))
    if (hopByHop.has(name) || named.has(name) || removed(name)) headers.delete(name);
}

/** A `Cookie` header without our session; null if nothing is left. */
function withoutSession(cookie: string): string | null {
  const kept = cookie.split(";").filter((pair) => !/^\s*__host-session\s*=/i.test(pair));
  return kept.length === 0 ? null : kept.join(";").trim();
}
