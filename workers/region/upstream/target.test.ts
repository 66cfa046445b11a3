import { describe, expect, it } from "vitest";
import { upstreamTarget } from "./target.ts";

const upstream = "https://origin.example/base/";

describe("the target of a proxied request", () => {
  it("is the path and query under the upstream's own path", () => {
    expect(upstreamTarget(upstream, "/orders/42", "?a=1")?.href).toBe("https://origin.example/base/orders/42?a=1");
  });

  it.each([
    "//evil.example/x",
    "/\\evil.example",
    "/@evil.example",
    "/https://evil.example",
    "/%2F%2Fevil.example",
    "/:443@evil.example",
  ])("stays on the upstream's host for %s", (path) => {
    expect(upstreamTarget(upstream, path, "")?.origin).toBe("https://origin.example");
  });

  it.each(["/../secret", "/%2e%2e/secret", "/a/../../secret"])("never leaves the upstream's path: %s", (path) => {
    expect(upstreamTarget(upstream, path, "")).toBeNull();
  });
});
