import { parseList } from "structured-headers";
import { describe, expect, it } from "vitest";
import openApi from "../docs/openapi.json" with { type: "json" };
import { routes } from "../schema/http/routes.ts";
import { baseUrl, call, newCustomer, newUser, operate, eventually } from "./world.ts";

function raw(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(baseUrl() + path, { redirect: "manual", ...init });
}

describe("every answer", () => {
  it("has an id of its own and the headers that keep it safe", async () => {
    const answers = await Promise.all(["/healthz", "/v1/me", "/v1/nothing", "/orders/42"].map((path) => raw(path)));
    expect(new Set(answers.map((answer) => answer.headers.get("domicile-request-id"))).size).toBe(4);
    for (const { headers } of answers) {
      expect(headers.get("domicile-request-id")).toMatch(/^req_[0-9a-z]{26}$/);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("strict-transport-security")).toContain("max-age=");
      expect(headers.get("cache-control")).toBe("no-store");
    }
  });

  it("that is an error is a problem of RFC 9457, with the id and no query", async () => {
    const answer = await raw("/v1/nothing?secret=1");
    const problem = (await answer.json()) as Record<string, unknown>;
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(problem).toEqual({
      type: "urn:domicile:problem:not_found",
      title: "Not found",
      status: 404,
      detail: expect.any(String) as string,
      instance: "/v1/nothing",
      code: "not_found",
      request_id: answer.headers.get("domicile-request-id"),
    });
  });

  it("under a limit tells it in structured fields that another parser reads", async () => {
    const user = await newUser(await newCustomer());
    const first = await call("/v1/limits", { token: user.token });
    expect(first.headers.get("ratelimit-policy")).toBe('"sec";q=20;w=1, "min";q=100;w=60');
    expect(first.headers.get("ratelimit")).toBe('"sec";r=19;t=1, "min";r=99;t=1');
    const answers = await Promise.all(Array.from({ length: 30 }, () => call("/v1/limits", { token: user.token })));
    for (const { headers, status, body } of answers) {
      const [sec, min] = parseList(headers.get("ratelimit") ?? "");
      expect([sec?.[0], min?.[0]]).toEqual(["sec", "min"]);
      for (const item of [sec, min]) {
        expect(Number(item?.[1].get("r"))).toBeGreaterThanOrEqual(0);
        expect(Number(item?.[1].get("t"))).toBeGreaterThanOrEqual(0);
      }
      if (status !== 429) continue;
      expect(body).toMatchObject({
        type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
        code: "rate_limited",
        "violated-policies": ["sec"],
      });
      expect(headers.get("retry-after")).toBe("1");
    }
    expect(answers.some((answer) => answer.status === 429)).toBe(true);
  });
});

describe("methods", () => {
  it("that a path has not are 405 with those it has", async () => {
    const answer = await raw("/v1/sessions", { method: "PUT" });
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("POST, GET, DELETE, HEAD, OPTIONS");
    expect((await raw("/healthz", { method: "DELETE" })).headers.get("allow")).toBe("GET, HEAD, OPTIONS");
  });

  it("HEAD answers as GET without a body, OPTIONS with what is allowed", async () => {
    const head = await raw("/healthz", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const options = await raw("/v1/me", { method: "OPTIONS" });
    expect([options.status, options.headers.get("allow")]).toEqual([204, "GET, PATCH, HEAD, OPTIONS"]);
    const user = await newUser(await newCustomer());
    const me = await raw("/v1/me", { method: "HEAD", headers: { authorization: `Bearer ${user.token}` } });
    expect([me.status, me.headers.get("domicile-region"), await me.text()]).toEqual([200, "us", ""]);
  });
});

describe("bodies", () => {
  const post = (body: string | Uint8Array<ArrayBuffer> | ReadableStream, type: string, duplex?: "half") =>
    raw("/v1/sessions", { method: "POST", body, headers: { "content-type": type }, ...(duplex && { duplex }) });

  it("that are too large are 413, whether they say so or not", async () => {
    expect((await post("x".repeat(70_000), "application/json")).status).toBe(413);
    const unsaid = new ReadableStream({
      start(controller) {
        for (let at = 0; at < 10; at++) controller.enqueue(new Uint8Array(10_000).fill(32));
        controller.close();
      },
    });
    expect((await post(unsaid, "application/json", "half")).status).toBe(413);
  });

  it("that are not JSON are 415 by their type and 422 by their content", async () => {
    expect((await post("a=b", "application/x-www-form-urlencoded")).status).toBe(415);
    const broken = await post("{", "application/json");
    expect(broken.status).toBe(422);
    expect(await broken.json()).toMatchObject({ code: "validation_failed", errors: [{ path: "" }] });
    expect((await post(new Uint8Array([0x7b, 0xff, 0x7d]), "application/json")).status).toBe(422);
  });
});

describe("browsers", () => {
  const origin = "https://app.customer.example";

  it("may ask from the origins that the customer allows, and from no other", async () => {
    const [customer, other] = [await newCustomer({ cors_origins: [origin] }), await newCustomer()];
    const [user, stranger] = [await newUser(customer), await newUser(other)];
    const preflight = (from: string) =>
      raw("/v1/me", { method: "OPTIONS", headers: { origin: from, "access-control-request-method": "PATCH" } });
    await eventually(async () => (await preflight(origin)).headers.has("access-control-allow-origin"));
    expect((await preflight(origin)).headers.get("access-control-allow-headers")).toContain("Authorization");
    expect((await preflight("https://evil.example")).headers.has("access-control-allow-origin")).toBe(false);
    const ask = (token: string) => call("/v1/me", { token, headers: { origin } });
    const allowed = await ask(user.token);
    expect(allowed.headers.get("access-control-allow-origin")).toBe(origin);
    expect(allowed.headers.get("vary")).toContain("Origin");
    expect((await ask(stranger.token)).headers.has("access-control-allow-origin")).toBe(false);
  });

  it("change nothing with the cookie unless the page is ours", async () => {
    const user = await newUser(await newCustomer());
    const cookie = `__Host-session=${user.token}`;
    const patch = (from: string | null) =>
      call("/v1/me", {
        method: "PATCH",
        body: { name: "Changed" },
        headers: { cookie, ...(from !== null && { origin: from }) },
      });
    expect((await call("/v1/me", { headers: { cookie } })).status).toBe(200);
    for (const from of [null, "null", origin, "https://evil.example"]) {
      expect((await patch(from)).body["code"]).toBe("cross_site_request");
    }
    expect((await patch(baseUrl())).status).toBe(200);
  });
});

describe("the OpenAPI document", () => {
  it("is served, is 3.1, and has every route with its id", async () => {
    const served = (await (await raw("/openapi.json")).json()) as typeof openApi;
    expect(served).toEqual(openApi);
    expect(served.openapi).toMatch(/^3\.1\./);
    const paths = served.paths as Record<string, Record<string, { operationId: string }>>;
    for (const { path, method, operationId } of routes) {
      expect(paths[path]?.[method.toLowerCase()]?.operationId).toBe(operationId);
    }
  });

  it("refers to nothing that is not in it", () => {
    const text = JSON.stringify(openApi);
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      expect(Object.keys(openApi.components.schemas)).toContain(name);
    }
  });
});

describe("operators", () => {
  const customer = { name: "Op", tier: "basic", allowed_regions: ["us", "eu"], default_region: "us" };

  it("make, read, list and change customers; what contradicts itself is refused with where", async () => {
    const made = await operate("POST", "/customers", customer);
    expect(made).toMatchObject({
      status: 201,
      body: { ...customer, key_tiers: ["basic"], travel_policy: "allow", status: "active" },
    });
    const path = `/customers/${String(made.body["id"])}`;
    expect((await operate("GET", path)).body).toEqual(made.body);
    expect((await operate("PATCH", path, { name: "Changed" })).body["name"]).toBe("Changed");
    const list = await operate<{ data: { id: string }[] }>("GET", "/customers?limit=1");
    expect(list.body.data[0]?.id).toBe(made.body["id"]);
    const wrong: [object, string][] = [
      [{ default_region: "us", allowed_regions: ["eu"] }, "default_region"],
      [{ tier: "none" }, "tier"],
      [{ key_tiers: ["none"] }, "key_tiers"],
      [{ cors_origins: ["https://a.example/path"] }, "cors_origins.0"],
      [{ upstreams: { us: "http://example.com" } }, "upstreams.us"],
      [{ upstreams: { us: "https://user:pass@example.com" } }, "upstreams.us"],
      [{ upstreams: { us: "https://10.0.0.1/" } }, "upstreams.us"],
      [{ upstreams: { us: "https://0x7f.1/" } }, "upstreams.us"],
      [{ upstreams: { us: "https://[::1]/" } }, "upstreams.us"],
      [{ upstreams: { us: "https://metadata.internal/" } }, "upstreams.us"],
      [{ surprise: 1 }, ""],
    ];
    for (const [change, place] of wrong) {
      const answer = await operate<{ errors: { path: string }[] }>("PATCH", path, change);
      expect(answer.status).toBe(422);
      expect(answer.body.errors.map((error) => error.path)).toContain(place);
    }
    expect((await operate("GET", path)).body["name"]).toBe("Changed");
    expect((await operate("GET", "/customers/cus_01h455vb4pex5vsknk084sn02q")).status).toBe(404);
    expect((await operate("GET", "/customers/nonsense")).status).toBe(404);
  });

  it("cannot take a region away that has users, nor a tier that is used", async () => {
    const used = await newCustomer();
    await newUser(used, "owner", "eu");
    expect((await operate("PATCH", `/customers/${used.id}`, { allowed_regions: ["us"], upstreams: {} })).status).toBe(
      409,
    );
    expect((await operate("DELETE", "/tiers/basic")).status).toBe(409);
    await operate("PUT", "/tiers/fleeting", { policies: [{ name: "sec", quota: 1, window_seconds: 1 }] });
    expect((await operate("GET", "/tiers/fleeting")).body).toMatchObject({ unlimited: false });
    expect((await operate("DELETE", "/tiers/fleeting")).status).toBe(204);
    expect((await operate("GET", "/tiers/fleeting")).status).toBe(404);
    expect(
      (
        await operate("PUT", "/tiers/odd", {
          unlimited: true,
          policies: [{ name: "sec", quota: 1, window_seconds: 1 }],
        })
      ).status,
    ).toBe(422);
    expect((await operate("PATCH", "/regions/mars", { status: "closed" })).status).toBe(404);
    expect((await operate("PATCH", "/regions/eu", { status: "open" })).status).toBe(422);
  });
});
