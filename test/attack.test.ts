import { createConnection } from "node:net";
import { describe, expect, inject, it } from "vitest";
import { networkOf } from "../durable-objects/sign-in-guard/network-of.ts";
import { baseUrl, call, newCustomer, newUser, operate, type TestUser } from "./world.ts";

describe("guesses at passwords", () => {
  it("are counted by IPv4 address and by IPv6 network, however it is spelled", () => {
    expect(networkOf("192.0.2.7")).toBe("192.0.2.7");
    expect(networkOf("::ffff:192.0.2.7")).toBe("192.0.2.7");
    const same = ["2001:db8:1:2::1", "2001:0DB8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2:3:4:5:6"];
    expect(new Set(same.map(networkOf))).toEqual(new Set(["2001:db8:1:2::/64"]));
    expect(networkOf("2001:db8:1:3::1")).toBe("2001:db8:1:3::/64");
    expect(networkOf("2001:db8::1")).toBe("2001:db8:0:0::/64");
    expect(networkOf("::1")).toBe("0:0:0:0::/64");
  });

  it("are limited for a whole IPv6 network", async () => {
    const customer = await newCustomer();
    const [worn, other] = [await newUser(customer), await newUser(customer)];
    // At one account: all but ten of these are refused without the work of looking at a password.
    await Promise.all(Array.from({ length: 110 }, (_one, at) => guess(worn, `2001:db8:a:b:${at.toString(16)}::1`)));
    expect(await guess(other, "2001:db8:a:b:ffff::1")).toBe(429);
    expect(await guess(other, "2001:db8:a:c:ffff::1")).toBe(401);
  });

  it("are one account's, whatever the case and the blanks around its address", async () => {
    const { email } = await newUser(await newCustomer());
    const spelled = [email, email.toUpperCase(), ` ${email} `];
    const statuses = await Promise.all(
      Array.from({ length: 30 }, async (_one, at) => {
        const headers = { "cf-connecting-ip": `198.51.100.${at}` };
        const body = { email: spelled[at % 3], password: "wrong" };
        return (await call("/v1/sessions", { method: "POST", headers, body })).status;
      }),
    );
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(11);
  });
});

describe("input that Postgres cannot hold", () => {
  const nul = "a\u0000b";
  const afterNul = Buffer.from(JSON.stringify({ after: nul })).toString("base64url");

  it("is refused as invalid wherever a client can put it", async () => {
    const owner = await newUser(await newCustomer({ tier: "ci" }));
    const asked: [string, string, object?][] = [
      ["PATCH", "/v1/me", { name: nul }],
      ["PATCH", "/v1/me", { name: "\ud800" }],
      ["POST", "/v1/users", { email: "new@customer.example", password: "password", name: nul, role: "viewer" }],
      ["PATCH", `/v1/users/${owner.id}`, { name: nul }],
      ["POST", "/v1/api-keys", { name: nul }],
      ["POST", "/v1/api-keys", { name: "key", expires_at: "9999-12-31T23:59:59-23:59" }],
      ["GET", `/v1/sessions?cursor=${afterNul}`],
      ["GET", `/v1/api-keys?cursor=${afterNul}`],
      [
        "GET",
        `/v1/users?cursor=${Buffer.from(JSON.stringify({ region: "us", cursor: afterNul })).toString("base64url")}`,
      ],
    ];
    const answers = await Promise.all(
      asked.map(([method, path, body]) => call(path, { method, token: owner.token, ...(body && { body }) })),
    );
    expect(answers.map((answer) => answer.status)).toEqual(asked.map(() => 422));
  });

  it("is refused as invalid of an operator too", async () => {
    const customer = await newCustomer({ upstreams: {} });
    const path = `/customers/${customer.id}`;
    const answers = await Promise.all([
      operate("PATCH", path, { name: nul }),
      operate("PATCH", path, { upstreams: { us: "https://api.example.com/\u0000" } }),
      operate("PATCH", path, { upstreams: { us: "https://api.example.com/\ud800" } }),
      operate("PATCH", path, { allowed_regions: ["us", "us"] }),
      operate("GET", `/customers?cursor=${afterNul}`),
      operate("GET", `/tiers?cursor=${afterNul}`),
    ]);
    expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 422));
  });
});

describe("requests that are well-formed and odd", () => {
  it("ignores the body of a GET and of a HEAD, on its own routes and for an upstream", async () => {
    const user = await newUser(await newCustomer({ tier: "ci" }));
    const body = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    expect(await rawStatus(user, "GET /v1/me", body)).toBe(200);
    expect(await rawStatus(user, "HEAD /v1/me", body)).toBe(200);
    expect(await rawStatus(user, "GET /v1/users", body)).toBe(200);
    expect(await rawStatus(user, "GET /orders/42", body)).toBe(200);
    expect(await rawStatus(user, "GET /v1/me", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")).toBe(200);
  });

  it("does not let TRACE echo the identity that an upstream is sent", async () => {
    const user = await newUser(await newCustomer({ tier: "ci" }));
    expect(await rawStatus(user, "TRACE /orders/42", "\r\n")).toBe(405);
  });

  it("looks for no user by what is not a user's id", async () => {
    const owner = await newUser(await newCustomer({ tier: "ci" }));
    const ids = ["x", "%00", "%zz", "usr_%00", "ses_00000000000000000000000000", "a".repeat(5000)];
    const answers = await Promise.all(ids.map((id) => call(`/v1/users/${id}`, { token: owner.token })));
    expect(answers.map((answer) => answer.status)).toEqual(ids.map(() => 404));
  });
});

describe("pages of other origins", () => {
  const page = "https://app.customer.example";

  it("cannot act as an operator whose browser is signed in", async () => {
    await newCustomer({ cors_origins: [page] });
    const region = "/operator/v1/regions/us";
    const preflight = await call(region, {
      method: "OPTIONS",
      headers: { origin: page, "access-control-request-method": "PATCH" },
    });
    expect(preflight.headers.get("access-control-allow-origin")).toBeNull();
    const forged = await call(region, {
      method: "PATCH",
      token: operatorToken(),
      headers: { origin: page },
      body: { status: "active" },
    });
    expect([forged.status, forged.body["code"]]).toEqual([403, "cross_site_request"]);
    expect((await operate("PATCH", "/regions/us", { status: "active" })).status).toBe(200);
  });

  it("can read why they were refused if their customer allows them, and not otherwise", async () => {
    const user = await newUser(await newCustomer({ cors_origins: [page] }));
    const refused = await call("/v1/me", { token: "made.up.token", headers: { origin: page } });
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, page]);
    const flood = await Promise.all(
      Array.from({ length: 40 }, () => call("/v1/me", { token: user.token, headers: { origin: page } })),
    );
    const limited = flood.find((answer) => answer.status === 429);
    expect(limited?.headers.get("access-control-allow-origin")).toBe(page);
    const foreign = await call("/v1/me", { token: "made.up.token", headers: { origin: "https://evil.example" } });
    expect(foreign.headers.get("access-control-allow-origin")).toBeNull();
  });
});

function operatorToken(): string {
  return inject("platform").operatorToken;
}

/** The status of a request written by hand: `start` is its method and path, `rest` its further headers and body. */
function rawStatus(user: TestUser, start: string, rest: string): Promise<number> {
  const { hostname, port } = new URL(baseUrl());
  const head = `${start} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\nAuthorization: Bearer ${user.token}\r\n`;
  return new Promise((resolved, rejected) => {
    const socket = createConnection(Number(port), hostname, () => socket.write(head + rest));
    socket.once("data", (data) => {
      resolved(Number(/^HTTP\/1\.1 (\d+)/.exec(data.toString())?.[1]));
      socket.destroy();
    });
    socket.once("error", rejected);
  });
}

/** The status of a wrong guess at a user's password from an IP address. */
async function guess({ email }: TestUser, address: string): Promise<number> {
  const headers = { "cf-connecting-ip": address };
  return (await call("/v1/sessions", { method: "POST", headers, body: { email, password: "wrong" } })).status;
}
