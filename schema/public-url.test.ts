import { describe, expect, it } from "vitest";
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

  it.each([
    "http://hooks.customer.example",
    "ftp://hooks.customer.example",
    "file:///etc/passwd",
    "gopher://hooks.customer.example",
    "javascript:alert(1)",
    "data:text/plain,x",
    "//hooks.customer.example",
    "hooks.customer.example",
    "",
    "https://",
    "https://user@hooks.customer.example",
    "https://user:password@hooks.customer.example",
    "https://@hooks.customer.example",
    "https://hooks.customer.example@127.0.0.1",
    "https://hooks.customer.example:80",
    "https://hooks.customer.example:22",
    "https://hooks.customer.example:8080",
    "https://hooks.customer.example:6379/",
    "https://hooks.customer.example/?x=1",
    "https://hooks.customer.example/#x",
    "https://hooks.customer.example/?",
    "https://127.0.0.1",
    "https://127.0.0.1:8443",
    "https://127.1",
    "https://127.0.1",
    "https://2130706433",
    "https://0x7f000001",
    "https://0x7f.0.0.1",
    "https://0177.0.0.1",
    "https://017700000001",
    "https://0",
    "https://0.0.0.0",
    "https://10.0.0.1",
    "https://172.16.0.1",
    "https://192.168.1.1",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1",
    "https://8.8.8.8",
    "https://127.0.0.1./",
    "https://%31%32%37.0.0.1",
    "https://\u{2460}\u{2461}\u{2466}.0.0.1",
    "https://\uff11\uff12\uff17.0.0.1",
    "https://127\u30020.0.1",
    "https://[::1]",
    "https://[::]",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:7f00:1]",
    "https://[64:ff9b::7f00:1]",
    "https://[fe80::1]",
    "https://[fd00:ec2::254]",
    "https://localhost",
    "https://localhost:8443",
    "https://LOCALHOST.",
    "https://a.localhost",
    "https://localhost.localdomain",
    "https://\u{217c}ocalhost",
    "https://router.local",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://metadata",
    "https://instance-data",
    "https://metadata.goog",
    "https://kubernetes.default.svc",
    "https://db.corp",
    "https://printer.lan",
    "https://1.0.0.127.in-addr.arpa",
    "https://127.0.0.1.nip.io",
    "https://10-0-0-1.sslip.io",
    "https://localtest.me",
    "https://a.lvh.me",
    "https://api.domicile.example",
    "https://x.api.domicile.example:8443",
    "https://API.DOMICILE.EXAMPLE./",
    "https://b\u00fccher.example",
    "https://hooks.customer.example\\@127.0.0.1",
    "https:\\\\127.0.0.1",
    "https://hooks.customer.example\n.evil.example",
    "https://hooks.\tcustomer.example",
    " https://hooks.customer.example",
    "https://hooks.customer.example/\u0000",
    "https://hooks..example",
    "https://.example",
    "https://1.2.3.4.5",
    "https://hooks.customer.example/\ud800",
  ])("may not be %s", (url) => {
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
