import { AppError } from "../../../schema/errors.ts";
import type { RouteContract } from "../../../schema/http/route.ts";

/** What a request asks for. */
export type Match =
  | { readonly kind: "contract"; readonly contract: RouteContract; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: "options"; readonly allow: string }
  | { readonly kind: "proxied" };

interface Pattern {
  readonly segments: readonly string[];
  readonly byMethod: ReadonlyMap<string, RouteContract>;
  readonly allow: string;
}

/** Paths under these are the platform's: what is not in the contract there is 404, never a customer's. */
const ownPrefixes = ["/v1", "/operator", "/.well-known", "/healthz", "/openapi.json"];

const proxiedMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/**
 * Compiles the contract into a function from method and path to a route. 404 for an unknown path of the platform's, 405 with
 * `Allow` (RFC 9110 §15.5.6) for a known one; HEAD is answered by GET. Every other path is the customers' own.
 */
export function compileRoutes(routes: readonly RouteContract[]): (method: string, path: string) => Match {
  const patterns = compile(routes);
  const literal = new Map(patterns.filter(isLiteral).map((pattern) => [`/${pattern.segments.join("/")}`, pattern]));
  const templates = patterns.filter((pattern) => !isLiteral(pattern));
  return (method, path) => {
    if (!isOwn(path)) {
      // TRACE echoes what the upstream was sent (RFC 9110 §9.3.8), the identity that the region signed too.
      if (method === "TRACE") throw new AppError("method_not_allowed", { headers: { allow: proxiedMethods } });
      return { kind: "proxied" };
    }
    const pattern =
      literal.get(path) ?? templates.find((template) => fits(template.segments, path.slice(1).split("/")));
    if (pattern === undefined) throw new AppError("not_found");
    if (method === "OPTIONS") return { kind: "options", allow: pattern.allow };
    const contract = pattern.byMethod.get(method === "HEAD" ? "GET" : method);
    if (contract === undefined) throw new AppError("method_not_allowed", { headers: { allow: pattern.allow } });
    return { kind: "contract", contract, params: paramsOf(pattern.segments, path.slice(1).split("/")) };
  };
}

function compile(routes: readonly RouteContract[]): Pattern[] {
  const byPath = Map.groupBy(routes, (route) => route.path);
  return [...byPath].map(([path, contracts]) => {
    const byMethod = new Map(contracts.map((contract) => [contract.method as string, contract]));
    const methods = [...byMethod.keys(), ...(byMethod.has("GET") ? ["HEAD"] : []), "OPTIONS"];
    return { segments: path.slice(1).split("/"), byMethod, allow: methods.join(", ") };
  });
}

function isLiteral(pattern: Pattern): boolean {
  return !pattern.segments.some((segment) => segment.startsWith("{"));
}

function isOwn(path: string): boolean {
  return ownPrefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
}

function fits(template: readonly string[], segments: readonly string[]): boolean {
  return (
    template.length === segments.length &&
    template.every((part, at) => (part.startsWith("{") ? segments[at] !== "" : part === segments[at]))
  );
}

function paramsOf(template: readonly string[], segments: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    template.flatMap((part, at) => (part.startsWith("{") ? [[part.slice(1, -1), segments[at] ?? ""]] : [])),
  );
}
