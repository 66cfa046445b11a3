import { describe, expect, inject, it } from "vitest";
import { call, eventually, newCustomer, newKey, newUser, operate, signIn, wait } from "./world.ts";

describe("the main job", () => {
  it("serves a user from home, wherever the request comes from", async () => {
    const customer = await newCustomer();
    const [ada, emil] = [await newUser(customer, "owner", "us"), await newUser(customer, "admin", "eu")];
    for (const country of ["DE", "US"]) {
      for (const [user, region] of [
        [ada, "us"],
        [emil, "eu"],
      ] as const) {
        const answer = await call("/v1/me", { token: user.token, headers: { "domicile-dev-country": country } });
        expect(answer.status).toBe(200);
        expect(answer.headers.get("domicile-region")).toBe(region);
        expect(answer.body).toMatchObject({
          principal: { type: "user", id: user.id },
          region,
          user: { email: user.email },
        });
      }
    }
  });

  it("admits no more of 1,000 concurrent requests than the exact bucket, and the next after Retry-After", async () => {
    const user = await newUser(await newCustomer());
    const began = Date.now();
    const answers = await Promise.all(Array.from({ length: 1000 }, () => call("/v1/limits", { token: user.token })));
    const elapsed = (Date.now() - began) / 1000;
    const admitted = answers.filter((answer) => answer.status === 200).length;
    expect(admitted).toBeGreaterThanOrEqual(20);
    expect(admitted).toBeLessThanOrEqual(Math.min(20 + 20 * Math.floor(elapsed), 100 + (100 / 60) * elapsed));
    const refused = answers.filter((answer) => answer.status !== 200);
    for (const answer of refused) {
      expect(answer.status).toBe(429);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(answer.body["violated-policies"]).not.toEqual([]);
    }
    await wait(Number(refused.at(-1)?.headers.get("retry-after")) * 1000);
    expect((await call("/v1/limits", { token: user.token })).status).toBe(200);
  });

  it("accepts not one request that was sent after a sign-out's answer", async () => {
    await operate("PUT", "/tiers/wide", { policies: [{ name: "min", quota: 1_000_000, window_seconds: 60 }] });
    const user = await newUser(await newCustomer({ tier: "wide" }));
    let signedOut = false;
    let late = 0;
    const accepted = { before: 0, after: 0 };
    const client = async (): Promise<void> => {
      while (late < 200) {
        const after = signedOut;
        const answer = await call("/v1/limits", { token: user.token });
        if (after) late += 1;
        if (answer.status === 200) accepted[after ? "after" : "before"] += 1;
      }
    };
    const clients = Array.from({ length: 50 }, client);
    await eventually(() => Promise.resolve(accepted.before > 200));
    expect((await call("/v1/sessions/current", { method: "DELETE", token: user.token })).status).toBe(204);
    signedOut = true;
    await Promise.all(clients);
    expect(accepted.before).toBeGreaterThan(200);
    expect(accepted.after).toBe(0);
  });

  it("refuses a revoked key with the next request, and everything of a disabled user", async () => {
    const customer = await newCustomer();
    const owner = await newUser(customer);
    const admin = await newUser(customer, "admin");
    const [revoked, made] = [await newKey(owner), await newKey(admin)];
    expect((await call("/v1/me", { token: revoked.key })).status).toBe(200);
    expect((await call("/v1/me", { token: made.key })).status).toBe(200);
    await call(`/v1/api-keys/${revoked.id}`, { method: "DELETE", token: owner.token });
    expect((await call("/v1/me", { token: revoked.key })).status).toBe(401);
    await call(`/v1/users/${admin.id}`, { method: "PATCH", token: owner.token, body: { status: "disabled" } });
    expect((await call("/v1/me", { token: admin.token })).status).toBe(401);
    expect((await call("/v1/me", { token: made.key })).status).toBe(401);
    expect((await call("/v1/me", { token: owner.token })).status).toBe(200);
  });

  it("serves an unlimited key without limit headers, counts it, and ends it within five seconds of its revocation", async () => {
    const owner = await newUser(await newCustomer());
    const key = await newKey(owner, { tier: "ci" });
    const answers = await Promise.all(Array.from({ length: 300 }, () => call("/v1/limits", { token: key.key })));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    expect(answers.every((answer) => !answer.headers.has("ratelimit") && !answer.headers.has("ratelimit-policy"))).toBe(
      true,
    );
    await call(`/v1/api-keys/${key.id}`, { method: "DELETE", token: owner.token });
    await eventually(async () => (await call("/v1/limits", { token: key.key })).status === 401, 5500);
  });
});

describe("configuration", () => {
  it("closes a region for its users alone, and opens it again, without a restart", async () => {
    const customer = await newCustomer();
    const [ada, emil] = [await newUser(customer, "owner", "us"), await newUser(customer, "admin", "eu")];
    try {
      await operate("PATCH", "/regions/eu", { status: "closed" });
      await eventually(async () => (await call("/v1/me", { token: emil.token })).status === 503);
      const refused = await call("/v1/me", { token: emil.token });
      expect(refused.body).toMatchObject({ code: "region_closed", status: 503 });
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      expect((await call("/v1/me", { token: ada.token })).status).toBe(200);
      const attempt = await call("/v1/sessions", {
        method: "POST",
        body: { email: emil.email, password: emil.password },
      });
      expect(attempt.status).toBe(503);
      await operate("PATCH", "/regions/eu", { status: "draining" });
      await eventually(async () => (await call("/v1/me", { token: emil.token })).status === 200);
      await eventually(async () => {
        const answer = await call("/v1/sessions", {
          method: "POST",
          body: { email: emil.email, password: emil.password },
        });
        return answer.status === 503 && answer.body["code"] === "region_draining";
      });
    } finally {
      await operate("PATCH", "/regions/eu", { status: "active" });
    }
    await eventually(async () => (await call("/v1/me", { token: emil.token })).status === 200);
    const credentials = { email: emil.email, password: emil.password };
    await eventually(async () => (await call("/v1/sessions", { method: "POST", body: credentials })).status === 201);
  });

  it("gives a customer's users another tier within five seconds", async () => {
    const customer = await newCustomer();
    const user = await newUser(customer);
    expect((await call("/v1/limits", { token: user.token })).body).toMatchObject({ tier: "basic" });
    await operate("PATCH", `/customers/${customer.id}`, { tier: "enterprise" });
    await eventually(async () => (await call("/v1/limits", { token: user.token })).body["tier"] === "enterprise");
    const answer = await call("/v1/limits", { token: user.token });
    expect(answer.headers.get("ratelimit-policy")).toBe('"sec";q=100;w=1, "min";q=500;w=60');
  });

  it("asks a traveller to sign in again under the customer's policy, and serves a suspended customer nothing", async () => {
    const customer = await newCustomer({ travel_policy: "reauthenticate" });
    const user = await newUser(customer);
    const abroad = await call("/v1/me", { token: user.token, headers: { "domicile-dev-country": "DE" } });
    expect(abroad).toMatchObject({ status: 401, body: { code: "reauthentication_required" } });
    expect((await call("/v1/me", { token: user.token })).status).toBe(200);
    await operate("PATCH", `/customers/${customer.id}`, { status: "suspended" });
    await eventually(async () => (await call("/v1/me", { token: user.token })).body["code"] === "customer_suspended");
    const credentials = { email: user.email, password: user.password };
    await eventually(async () => {
      const attempt = await call("/v1/sessions", { method: "POST", body: credentials });
      return attempt.status === 401 || attempt.status === 403;
    });
  });
});

describe("the customer's own API", () => {
  interface Echo {
    readonly origin: string;
    readonly path: string;
    readonly query: string;
    readonly body: string;
    readonly headers: Record<string, string>;
    readonly identity: Record<string, unknown>;
  }

  it("is asked in the home region alone, with an identity it can verify and nothing of the credential", async () => {
    const customer = await newCustomer();
    const emil = await newUser(customer, "admin", "eu");
    const answer = await call<Echo>("/orders/42?full=1", {
      method: "POST",
      token: emil.token,
      body: { hello: "origin" },
      headers: {
        "domicile-identity": "forged",
        "domicile-caller": JSON.stringify({ kind: "operator", id: "forged" }),
        cookie: "theme=dark; __Host-session=secret",
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      },
    });
    expect(answer.status).toBe(200);
    const { origin, path, query, body, headers, identity } = answer.body;
    expect({ origin, path, query, body }).toEqual({
      origin: "eu",
      path: "/orders/42",
      query: "?full=1",
      body: '{"hello":"origin"}',
    });
    expect(identity).toMatchObject({ sub: emil.id, customer_id: customer.id, role: "admin", region: "eu" });
    expect(Number(identity["exp"]) - Number(identity["iat"])).toBe(60);
    expect(headers).not.toHaveProperty("authorization");
    expect(headers["cookie"]).toBe("theme=dark");
    expect(headers["traceparent"]).toBe("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    expect(
      Object.keys(headers)
        .filter((name) => name.startsWith("domicile-"))
        .toSorted(),
    ).toEqual(["domicile-identity", "domicile-request-id"]);
    expect(answer.headers.get("domicile-region")).toBe("eu");
  });

  it("streams both ways", async () => {
    const user = await newUser(await newCustomer());
    const { baseUrl } = inject("platform");
    const large = new ReadableStream({
      start(controller) {
        for (let at = 0; at < 64; at++) controller.enqueue(new Uint8Array(64 * 1024).fill(97));
        controller.close();
      },
    });
    const init = {
      method: "POST",
      body: large,
      duplex: "half",
      headers: { authorization: `Bearer ${user.token}` },
    } as const;
    const upload = await fetch(`${baseUrl}/upload`, init);
    expect(((await upload.json()) as Echo).body).toHaveLength(64 * 64 * 1024);
    const download = await fetch(`${baseUrl}/stream`, { headers: { authorization: `Bearer ${user.token}` } });
    const pieces: string[] = [];
    for await (const piece of download.body ?? []) pieces.push(new TextDecoder().decode(piece));
    expect(pieces.join("")).toBe("one\ntwo\nthree\n");
    expect(pieces.length).toBeGreaterThan(1);
  });

  it("is 504 when slow, 502 when gone, 404 when there is none, and on no other host whatever the path", async () => {
    const customer = await newCustomer();
    const user = await newUser(customer);
    expect((await call("/slow", { token: user.token })).status).toBe(504);
    for (const path of [
      "//evil.example/x",
      "/%2f%2fevil.example/x",
      "/\\evil.example",
      "/a/../../b",
      "/http://evil.example/",
    ]) {
      const answer = await call<Echo>(path, { token: user.token });
      expect(answer.body.origin).toBe("us");
    }
    await operate("PATCH", `/customers/${customer.id}`, { upstreams: { us: "http://127.0.0.1:9" } });
    await eventually(async () => (await call("/orders/42", { token: user.token })).status === 502);
    await operate("PATCH", `/customers/${customer.id}`, { upstreams: {} });
    await eventually(async () => (await call("/orders/42", { token: user.token })).status === 404);
  });

  it("takes an API key with the scope api, and no other", async () => {
    const owner = await newUser(await newCustomer());
    const [may, mayNot] = [await newKey(owner), await newKey(owner, { scopes: [] })];
    expect((await call<Echo>("/orders/42", { token: may.key })).body.identity).toMatchObject({
      sub: may.id,
      scopes: ["api"],
    });
    expect((await call("/orders/42", { token: mayNot.key })).body).toMatchObject({ code: "insufficient_scope" });
    expect((await call("/orders/42")).status).toBe(401);
  });
});

describe("sign-in", () => {
  it("limits guesses at one account, known or not, the right password too", async () => {
    const user = await newUser(await newCustomer());
    for (const email of [user.email, `nobody-${user.email}`]) {
      const statuses: number[] = [];
      for (let at = 0; at < 11; at++) {
        statuses.push((await call("/v1/sessions", { method: "POST", body: { email, password: "wrong" } })).status);
      }
      expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429]);
    }
    const right = await call("/v1/sessions", { method: "POST", body: { email: user.email, password: user.password } });
    expect(right.body).toMatchObject({ code: "sign_in_limited" });
    expect(Number(right.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  it("does not count right passwords", async () => {
    const user = await newUser(await newCustomer());
    for (let at = 0; at < 12; at++) await signIn(user.email, user.password);
  });
});
