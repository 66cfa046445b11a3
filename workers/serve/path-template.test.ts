import { describe, expect, it } from "vitest";
import { templateOf } from "./path-template.ts";

describe("the template of a proxied path", () => {
  it.each([
    ["/orders", "/orders", "orders", null],
    ["/orders/42", "/orders/{id}", "orders", "42"],
    [
      "/v2/line-items/usr_01h455vb4pex5vsknk084sn02q",
      "/v2/line-items/{id}",
      "line-items",
      "usr_01h455vb4pex5vsknk084sn02q",
    ],
    ["/users/jane.doe%40example.com/orders", "/users/{id}/orders", "orders", null],
    ["/users/jane@example.com", "/users/{id}", "users", null],
    ["/a/6ba7b810-9dad-11d1-80b4-00c04fd430c8/b/7", "/a/{id}/b/{id}", "b", "7"],
    ["/", "/", "api", null],
    ["//x//", "/x", "x", null],
    ["/%00/%F0%9F%92%A9", "/{id}/{id}", "api", null],
    ["/a/b/c/d/e/f/g/h/i", "/a/b/c/d/e/f/g/h/…", "h", null],
  ])("%s is %s", (path, template, resourceType, resourceId) => {
    expect(templateOf(path)).toEqual({ template, resourceType, resourceId });
  });

  it("fits into a record, however long the path is", () => {
    const { template, resourceType } = templateOf(
      `/${"abcdefgh-".repeat(300)}/${"x".repeat(5000)}/${"word/".repeat(200)}`,
    );
    expect(template.length).toBeLessThanOrEqual(240);
    expect(resourceType.length).toBeLessThanOrEqual(64);
  });
});
