import { isStorable } from "./text.ts";

/** What a URL that somebody else names, and that we fetch, must keep to. */
export interface PublicUrlRules {
  /** Permits loopback, http too, for the platform on one machine. */
  readonly local: boolean;
  /** The ports it may have; null: any. The default port of https is "443". */
  readonly ports: readonly string[] | null;
  /** Whether it may have a query. */
  readonly query: boolean;
  /** Hosts of our own, which nobody may have us call, nor their subdomains. */
  readonly ownHosts: readonly string[];
}

/**
 * What is wrong with a URL that we are asked to call, null if nothing: https to a public host name, without credentials or fragment
 * (OWASP SSRF Prevention Cheat Sheet, case 2). A name can still resolve to a private address: where it runs, Cloudflare's network
 * has none of ours, and what calls it follows no redirect.
 */
export function publicUrlFault(text: string, rules: PublicUrlRules): string | null {
  const { local, ports, ownHosts } = rules;
  // The parser would drop tabs and newlines, and read a backslash as a slash.
  if (!URL.canParse(text) || !isStorable(text) || /[\s\\\p{Cc}]/u.test(text)) return "is not a URL";
  const url = new URL(text);
  if (url.username !== "" || url.password !== "" || /^[^/]*\/\/[^/?#]*@/.test(text)) return "must not hold credentials";
  if (text.includes("#")) return "must not have a fragment";
  if (!rules.query && text.includes("?")) return "must not have a query";
  if (local && isLoopback(url)) return null;
  if (url.protocol !== "https:") return "must be https";
  if (ports !== null && !ports.includes(url.port === "" ? "443" : url.port))
    return `must have the port ${ports.join(" or ")}`;
  return hostFault(url.hostname, authorityOf(text), ownHosts);
}

function isLoopback({ protocol, hostname }: URL): boolean {
  return hostname === "localhost" ? /^https?:$/.test(protocol) : protocol === "http:" && hostname === "127.0.0.1";
}

function hostFault(hostname: string, written: string, ownHosts: readonly string[]): string | null {
  // The parser has turned every spelling of an IPv4 address (hexadecimal, octal, short, full-width) into dots and digits.
  if (/^\[|^\d+(?:\.\d+){3}\.?$/.test(hostname)) return "must have a host name, not an address";
  // What it has rewritten might not be what was meant: ask for the name as DNS has it.
  if (!/^[\x21-\x7e]+$/.test(written) || written.includes("%")) return "must have its host name in ASCII (Punycode)";
  const name = hostname.replace(/\.$/, "");
  const labels = name.split(".");
  const top = labels.at(-1) ?? "";
  if (labels.length < 2 || privateTopLevels.has(top) || /^\d+$/.test(top) || labels.includes(""))
    return "must have a public host name";
  if ([...addressNames, ...metadataNames].some((suffix) => isUnder(name, suffix)))
    return "must have a public host name";
  if (ownHosts.some((own) => isUnder(name, own))) return "must not be one of our own";
  return null;
}

/** The authority as it was written. */
function authorityOf(text: string): string {
  return /^[^/]*\/\/([^/?#]*)/.exec(text)?.[1] ?? "";
}

function isUnder(name: string, suffix: string): boolean {
  return name === suffix || name.endsWith(`.${suffix}`);
}

/** Names that never leave a network (RFC 6761, RFC 6762, RFC 9476, ICANN `internal`), and those that networks make up. */
const privateTopLevels = new Set([
  "localhost",
  "localdomain",
  "local",
  "internal",
  "intranet",
  "private",
  "home",
  "lan",
  "corp",
  "svc",
  "cluster",
  "consul",
  "docker",
  "test",
  "invalid",
  "onion",
  "alt",
  "arpa",
]);

/** Public names whose addresses are whatever their name says, or loopback. */
const addressNames = [
  "nip.io",
  "sslip.io",
  "xip.io",
  "localtest.me",
  "lvh.me",
  "vcap.me",
  "lacolhost.com",
  "traefik.me",
  "yoogle.com",
  "local-ip.co",
  "local-ip.sh",
  "backname.io",
];

/** Names by which clouds tell machines about themselves. */
const metadataNames = [
  "metadata.goog",
  "metadata.tencentyun.com",
  "metadata.platformequinix.com",
  "metadata.packet.net",
];
