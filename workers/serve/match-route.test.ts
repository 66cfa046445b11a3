import { describe, expect, it } from "vitest";
import { AppError } from "../../schema/errors.ts";
import { routes } from "../../schema/http/routes.ts";
import { matchRoute } from "./match-route.ts";

function codeOf(method: string, path: string): string {
  try {
    return matchRoute(method, path).kind;
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
}

describe("the route of a path", () => {
  it("is found for every route of the contract, with its parameters", () => {
    for (const contract of routes) {
      const path = contract.path.replaceAll(/\{(\w+)\}/g, "value-of-$1");
      const names = Array.from(contract.path.matchAll(/\{(\w+)\}/g), ([, name = ""]) => name);
      const params = Object.fromEntries(names.map((name) => [name, `value-of-${name}`]));
      expect(matchRoute(contract.method, path)).toEqual({ kind: "contract", contract, params });
    }
  });

  it("is the literal one where a template fits too", () => {
    const match = matchRoute("GET", "/v1/audit-logs/recent");
    expect(match.kind === "contract" && match.contract.operationId).toBe("recentAuditLogs");
  });

  it("is 404 under a prefix of the platform's, and proxied everywhere else", () => {
    for (const path of [
      "/v1",
      "/v1/",
      "/v1//me",
      "/v1/me/",
      "/v1/nothing",
      "/operator/v1",
      "/healthz/x",
      "/.well-known/x",
    ])
      expect([path, codeOf("GET", path)]).toEqual([path, "not_found"]);
    for (const path of ["/", "/orders/42", "/v1x", "/V1/me", "//v1/me", "/orders/%2e%2e/v1/me", "/%zz"])
      expect([path, codeOf("GET", path)]).toEqual([path, "proxied"]);
  });

  it("is 404 for a path of the platform's own with an encoded character, wherever it is", () => {
    for (const path of [
      "/%76%31/me",
      "/v1%2Fme",
      "/v1/m%65",
      "/v1/users/usr_01h455vb4pex5vsknk084sn02%71",
      "/%6Fperator/v1/customers",
      "/operator%2fv1/customers",
      "/%68ealthz",
      "/%2Ewell-known/jwks.json",
      "/%76%31/%zz",
      "/v1/%",
    ])
      expect([path, codeOf("GET", path)]).toEqual([path, "not_found"]);
  });

  it("is 405 with the methods that the path has; HEAD is GET, and OPTIONS lists them", () => {
    expect(codeOf("PUT", "/v1/sessions")).toBe("method_not_allowed");
    expect(matchRoute("OPTIONS", "/v1/me")).toEqual({ kind: "options", allow: "GET, PATCH, HEAD, OPTIONS" });
    const head = matchRoute("HEAD", "/v1/me");
    expect(head.kind === "contract" && head.contract.operationId).toBe("getMe");
    expect(codeOf("TRACE", "/orders")).toBe("method_not_allowed");
  });
});
