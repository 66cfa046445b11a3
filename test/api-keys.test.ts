import { describe, expect, it } from "vitest";
import { call, newCustomer, newKey, newUser } from "./world.ts";

interface Page {
  readonly data: Record<string, string>[];
  readonly next_cursor: string | null;
}

describe("API keys", () => {
  it("are shown once, in the contract's form, with the least scopes unless more are asked for", async () => {
    const owner = await newUser(await newCustomer(), "owner", "eu");
    const made = await call("/v1/api-keys", {
      method: "POST",
      token: owner.token,
      body: { name: "deploy", tier: "ci" },
    });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      name: "deploy",
      tier: "ci",
      scopes: ["api"],
      region: "eu",
      created_by: owner.id,
      expires_at: null,
    });
    expect(made.body["key"]).toMatch(/^dmc_eu_[0-9A-Za-z]{82}$/);
    const list = await call<Page>("/v1/api-keys", { token: owner.token });
    expect(list.body.data.map((key) => key["id"])).toEqual([made.body["id"]]);
    expect(JSON.stringify(list.body)).not.toContain(String(made.body["key"]).slice(-20));
    expect((await call("/v1/me", { token: String(made.body["key"]) })).body).toMatchObject({
      tier: "ci",
      principal: { type: "api_key" },
    });
  });

  it("are refused a tier the customer may not give, a time that has passed, and scopes their maker lacks", async () => {
    const customer = await newCustomer({ key_tiers: ["basic"] });
    const owner = await newUser(customer);
    const make = (token: string, body: object) =>
      call("/v1/api-keys", { method: "POST", token, body }).then((answer) => answer.status);
    expect(await make(owner.token, { name: "x", tier: "ci" })).toBe(422);
    expect(await make(owner.token, { name: "x", expires_at: "2020-01-01T00:00:00Z" })).toBe(422);
    expect(await make(owner.token, { name: "x", scopes: ["everything"] })).toBe(422);
    const maker = await newKey(owner, { scopes: ["api_keys:write"] });
    expect(await make(maker.key, { name: "x", scopes: ["users:write"] })).toBe(403);
    expect(await make(maker.key, { name: "x", scopes: ["api_keys:write"] })).toBe(201);
  });

  it("end when they expire", async () => {
    const owner = await newUser(await newCustomer());
    const key = await newKey(owner, { expires_at: new Date(Date.now() + 1200).toISOString() });
    expect((await call("/v1/me", { token: key.key })).status).toBe(200);
    await new Promise((expired) => setTimeout(expired, 1300));
    expect((await call("/v1/me", { token: key.key })).status).toBe(401);
  });

  it("are rotated with and without grace; what is over has no successor, and another customer's is not there", async () => {
    const [owner, stranger] = [await newUser(await newCustomer()), await newUser(await newCustomer())];
    const [graced, cut] = [await newKey(owner), await newKey(owner)];
    const rotate = (id: string, token: string, body?: object) =>
      call(`/v1/api-keys/${id}/rotate`, { method: "POST", token, ...(body && { body }) });
    const next = await rotate(graced.id, owner.token, { grace_seconds: 60 });
    expect(next.status).toBe(201);
    expect((await call("/v1/me", { token: graced.key })).status).toBe(200);
    expect((await call("/v1/me", { token: String(next.body["key"]) })).status).toBe(200);
    expect((await rotate(cut.id, owner.token)).status).toBe(201);
    expect((await call("/v1/me", { token: cut.key })).status).toBe(401);
    expect((await rotate(cut.id, owner.token)).status).toBe(409);
    expect((await rotate(graced.id, stranger.token)).status).toBe(404);
    expect((await call(`/v1/api-keys/${graced.id}`, { method: "DELETE", token: stranger.token })).status).toBe(404);
  });
});

describe("Idempotency-Key", () => {
  it("repeats the first answer, refuses another body, and is of one customer and route", async () => {
    const [owner, stranger] = [await newUser(await newCustomer()), await newUser(await newCustomer())];
    const headers = { "idempotency-key": crypto.randomUUID() };
    const make = (token: string, body: object) => call("/v1/api-keys", { method: "POST", token, body, headers });
    const first = await make(owner.token, { name: "once" });
    const again = await make(owner.token, { name: "once" });
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    expect((await make(owner.token, { name: "other" })).body["code"]).toBe("idempotency_mismatch");
    const elsewhere = await make(stranger.token, { name: "once" });
    expect(elsewhere.status).toBe(201);
    expect(elsewhere.body["id"]).not.toBe(first.body["id"]);
    const storm = { "idempotency-key": crypto.randomUUID() };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        call("/v1/api-keys", { method: "POST", token: owner.token, body: { name: "storm" }, headers: storm }),
      ),
    );
    const ids = new Set(answers.filter((answer) => answer.status === 201).map((answer) => answer.body["id"]));
    expect(ids.size).toBe(1);
    expect(answers.every((answer) => answer.status === 201 || answer.body["code"] === "idempotency_in_progress")).toBe(
      true,
    );
  });

  it("lets a request that failed be sent again", async () => {
    const owner = await newUser(await newCustomer());
    const headers = { "idempotency-key": "again" };
    const make = (body: object) => call("/v1/api-keys", { method: "POST", token: owner.token, body, headers });
    expect((await make({ name: "x", tier: "none" })).status).toBe(422);
    expect((await make({ name: "x" })).status).toBe(201);
  });
});
