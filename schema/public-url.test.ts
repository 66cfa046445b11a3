import { describe, expect, it } from "vitest";
import { hostileUrls } from "./hostile-urls.ts";
import { publicUrlFault } from "./public-url.ts";

const rules = { local: false, query: false, ports: ["443", "8443"], ownHosts: ["api.domicile.example"] };

describe("a URL that somebody else names", () => {
  it.each([
    "https://hooks.customer.example/in",
    "https://hooks.customer.example:8443/in/",
    "https://customer.co.uk",
    "https://xn--bcher-kva.example/",
    "https://a.b.c.d.e.example",
    "https://127-0-0-1.customer.example",
    "https://my-api.domicile.example.com",
  ])("may be %s", (url) => {
    expect(publicUrlFault(url, rules)).toBeNull();
  });

  it.each(hostileUrls)("may not be %s", (url) => {
    expect(publicUrlFault(url, rules)).toMatch(/^(?:is|must)/);
  });

  it("may be of loopback on one machine, over http, and nothing else", () => {
    const local = { ...rules, local: true };
    expect(publicUrlFault("http://127.0.0.1:9000/hook", local)).toBeNull();
    expect(publicUrlFault("http://localhost:9000", local)).toBeNull();
    for (const url of [
      "http://127.0.0.2",
      "http://[::1]:9000",
      "http://10.0.0.1",
      "https://127.0.0.1",
      "http://u@127.0.0.1",
    ])
      expect(publicUrlFault(url, local)).not.toBeNull();
  });

  it("may have any port where none is asked for", () => {
    expect(publicUrlFault("https://api.customer.example:8080/v1/", { ...rules, ports: null })).toBeNull();
  });
});
