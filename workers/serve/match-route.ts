import type { Params, ParamStash } from "hono/router";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { SmartRouter } from "hono/router/smart-router";
import { TrieRouter } from "hono/router/trie-router";
import { AppError } from "../../schema/errors.ts";
import type { RouteContract } from "../../schema/http/route.ts";
import { routes } from "../../schema/http/routes.ts";

/** The route that a request asks for. */
export type Match =
  | { readonly kind: "contract"; readonly contract: RouteContract; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: "options"; readonly allow: string }
  | { readonly kind: "proxied" };

/** One path of the contract. */
interface Path {
  readonly byMethod: ReadonlyMap<string, RouteContract>;
  readonly allow: string;
}

/** Paths under these belong to the platform. One that is not in the contract is 404, never the customer's API. */
const ownPrefixes = ["/v1", "/operator", "/.well-known", "/healthz", "/openapi.json"];

const proxiedMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

const router = compile(routes);

/**
 * Finds the route for a method and a URL's path. Edge, regions and global use this one function, so that they cannot disagree.
 *
 * A path is classified by its decoded form. A path of the platform's own that has an encoded character is 404: no such path
 * needs one, and it would have two spellings. Throws `not_found` (404), and `method_not_allowed` (405, RFC 9110 §15.5.6)
 * with `Allow`. HEAD is served by GET.
 */
export function matchRoute(method: string, pathname: string): Match {
  const decoded = decode(pathname);
  if (!isOwn(decoded)) {
    // TRACE would return the identity that the region signed for the upstream (RFC 9110 §9.3.8).
    if (method === "TRACE") throw new AppError("method_not_allowed", { headers: { allow: proxiedMethods } });
    return { kind: "proxied" };
  }
  const found = decoded === pathname ? find(pathname) : null;
  if (found === null) throw new AppError("not_found");
  const { path, params } = found;
  if (method === "OPTIONS") return { kind: "options", allow: path.allow };
  const contract = path.byMethod.get(method === "HEAD" ? "GET" : method);
  if (contract === undefined) throw new AppError("method_not_allowed", { headers: { allow: path.allow } });
  return { kind: "contract", contract, params };
}

function compile(contracts: readonly RouteContract[]): SmartRouter<Path> {
  const compiled = new SmartRouter<Path>({ routers: [new RegExpRouter(), new TrieRouter()] });
  const byPath = Map.groupBy(contracts, (contract) => contract.path);
  // Literal paths first: where a template matches as well, the first registered route is used.
  for (const path of [...byPath.keys()].toSorted((a, b) => Number(a.includes("{")) - Number(b.includes("{")))) {
    const byMethod = new Map((byPath.get(path) ?? []).map((contract) => [contract.method as string, contract]));
    const methods = [...byMethod.keys(), ...(byMethod.has("GET") ? ["HEAD"] : []), "OPTIONS"];
    compiled.add("ALL", path.replaceAll(/\{(\w+)\}/g, ":$1"), { byMethod, allow: methods.join(", ") });
  }
  return compiled;
}

function find(pathname: string): { path: Path; params: Record<string, string> } | null {
  const [found, stash] = router.match("ALL", pathname) as [[Path, Params | Record<string, number>][], ParamStash?];
  const [first] = found;
  if (first === undefined) return null;
  const [path, named] = first;
  const values = Object.entries(named).map(([name, value]) => [
    name,
    typeof value === "number" ? (stash?.[value] ?? "") : value,
  ]);
  return { path, params: Object.fromEntries(values) };
}

function isOwn(path: string): boolean {
  return ownPrefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
}

/** A path with its percent-encoding removed once; as it is if the encoding is not valid. */
function decode(pathname: string): string {
  if (!pathname.includes("%")) return pathname;
  try {
    return decodeURIComponent(pathname);
  } catch {
    // One invalid sequence must not hide an encoded prefix.
    return pathname.replaceAll(/%[0-7][0-9a-f]/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
  }
}
