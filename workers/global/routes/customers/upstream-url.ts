import { isStorable } from "../../../../schema/text.ts";

/**
 * What is wrong with a URL as a customer's upstream, null if nothing: https on a public name, without credentials, query or
 * fragment. `local` permits http to loopback, for the platform on one machine.
 */
export function upstreamFault(text: string, local: boolean): string | null {
  if (!URL.canParse(text) || !isStorable(text)) return "is not a URL";
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return "must not hold credentials";
  if (url.search !== "" || url.hash !== "") return "must not have a query or a fragment";
  if (local && url.protocol === "http:" && ["127.0.0.1", "localhost"].includes(url.hostname)) return null;
  if (url.protocol !== "https:") return "must be https";
  // The URL parser has turned every spelling of an IPv4 address into dots and digits, and put IPv6 in brackets.
  if (/^\[|^\d+(?:\.\d+){3}$/.test(url.hostname)) return "must have a host name, not an address";
  const labels = url.hostname.replace(/\.$/, "").split(".");
  const top = labels.at(-1) ?? "";
  if (labels.length < 2 || privateTopLevels.has(top)) return "must have a public host name";
  return null;
}

/** Names that never leave a network (RFC 6761, RFC 6762, RFC 9476, ICANN `internal`). */
const privateTopLevels = new Set([
  "localhost",
  "local",
  "internal",
  "home",
  "lan",
  "corp",
  "test",
  "invalid",
  "onion",
  "alt",
  "arpa",
]);
