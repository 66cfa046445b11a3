import { describe, expect, it } from "vitest";
import { removeWithheld, upstreamHeaders } from "./headers.ts";

const facts = {
  identity: "jwt",
  requestId: "req_1",
  clientAddress: "192.0.2.1",
  host: "api.example",
  protocol: "https",
};

describe("headers to an upstream", () => {
  it("lose what belongs to the hop, also what Connection names", () => {
    const headers = upstreamHeaders(
      new Headers({ connection: "x-hop, keep-alive", "x-hop": "1", te: "trailers", upgrade: "h2c" }),
      facts,
    );
    for (const name of ["connection", "x-hop", "te", "upgrade"]) expect(headers.has(name)).toBe(false);
  });

  it("lose the credential and whatever claims to be ours", () => {
    const inbound = {
      authorization: "Bearer x",
      "domicile-actor": "{}",
      "domicile-identity": "forged",
      "cf-connecting-ip": "192.0.2.9",
    };
    const headers = upstreamHeaders(new Headers(inbound), facts);
    for (const name of ["authorization", "domicile-actor", "cf-connecting-ip"]) expect(headers.has(name)).toBe(false);
    expect(headers.get("domicile-identity")).toBe("jwt");
  });

  it("keep our identity even if Connection names it", () => {
    expect(upstreamHeaders(new Headers({ connection: "domicile-identity" }), facts).get("domicile-identity")).toBe(
      "jwt",
    );
  });

  it("lose the session cookie only", () => {
    const headers = upstreamHeaders(new Headers({ cookie: "a=1; __Host-session=t; b=2" }), facts);
    expect(headers.get("cookie")).toBe("a=1; b=2");
    expect(upstreamHeaders(new Headers({ cookie: "__Host-session=t" }), facts).has("cookie")).toBe(false);
  });

  it("keep traceparent and say who asked", () => {
    const headers = upstreamHeaders(new Headers({ traceparent: "00-a", "x-forwarded-for": "198.51.100.7" }), facts);
    expect(headers.get("traceparent")).toBe("00-a");
    expect(headers.get("x-forwarded-for")).toBe("192.0.2.1");
  });
});

describe("headers from an upstream", () => {
  it("cannot set our session or speak for us", () => {
    const outbound = new Headers({ "domicile-region": "us", connection: "x-hop", "x-hop": "1" });
    outbound.append("set-cookie", "__Host-session=evil; Path=/");
    outbound.append("set-cookie", "ok=1");
    removeWithheld(outbound);
    expect(outbound.getSetCookie()).toEqual(["ok=1"]);
    expect(outbound.has("domicile-region")).toBe(false);
    expect(outbound.has("x-hop")).toBe(false);
  });
});
