import { describe, expect, it } from "vitest";
import { errorOf, errorOfStatus, readRetryAfter } from "./post.ts";

describe("Retry-After", () => {
  const now = Date.UTC(2026, 10, 23, 8);

  it.each([
    ["120", 120_000],
    ["0", 0],
    [" 7 ", 7000],
    ["Mon, 23 Nov 2026 08:01:00 GMT", 60_000],
    ["Mon, 23 Nov 2026 07:00:00 GMT", 0],
  ])("%s is understood", (text, milliseconds) => {
    expect(readRetryAfter(text, now)).toBe(milliseconds);
  });

  it.each(["", "soon", "-1", "1.5", "1e9", "99999999999999", "{}"])("%s is not", (text) => {
    expect(readRetryAfter(text, now)).toBeNull();
  });
});

describe("the class of an error", () => {
  it.each([
    ["DNS lookup failed.", "dns"],
    ["getaddrinfo ENOTFOUND hooks.example", "dns"],
    ["TLS peer's certificate is not trusted; reason = self signed certificate", "tls"],
    ["SSL handshake failed", "tls"],
    ["Network connection lost.", "connect"],
    ["connect ECONNREFUSED 127.0.0.1:9", "connect"],
    ["The operation was aborted due to timeout", "connect"],
  ])("%s", (message, kind) => {
    expect(errorOf(new Error(message), false)).toBe(kind);
  });

  it("is timeout by name, and when the time is over", () => {
    expect(errorOf(new DOMException("aborted", "TimeoutError"), false)).toBe("timeout");
    expect(errorOf(new Error("Network connection lost."), true)).toBe("timeout");
  });

  it("of a status that Cloudflare makes up is what it stands for", () => {
    expect([500, 404, 302, 410].map(errorOfStatus)).toEqual(["status", "status", "status", "status"]);
    expect([521, 522, 524, 525, 526, 530].map(errorOfStatus)).toEqual([
      "connect",
      "connect",
      "timeout",
      "tls",
      "tls",
      "dns",
    ]);
  });
});
