import { beforeAll, describe, expect, inject, it } from "vitest";
import { listRecords, recordOf, refusalMs, rowsOf, type AuditPage } from "./audit-log-reading.ts";
import { call, eventually, newCustomer, newKey, newUser, type TestCustomer, type TestUser } from "./world.ts";

let customer: TestCustomer;
let owner: TestUser;

beforeAll(async () => {
  customer = await newCustomer({ tier: "ci" });
  owner = await newUser(customer, "owner", "us");
});

function logs(query: string, token = owner.token) {
  return listRecords(query, token);
}

/** A cursor as the platform writes them. */
function cursorAt(after: string): string {
  return Buffer.from(JSON.stringify({ after })).toString("base64url");
}

describe("an audit record", () => {
  it("says who did what, from where, and how it ended", async () => {
    const headers = { "user-agent": "Test/1", "cf-connecting-ip": "203.0.113.7" };
    const answer = await call("/v1/me", { method: "PATCH", token: owner.token, body: { name: "Renamed" }, headers });
    const requestId = answer.headers.get("domicile-request-id");
    expect(await recordOf(requestId, owner.token)).toMatchObject({
      user_id: owner.id,
      api_key_id: null,
      action: "me.update",
      resource_type: "user",
      resource_id: owner.id,
      outcome: "success",
      ip_address: "203.0.113.7",
      user_agent: "Test/1",
      detail: null,
      erased: false,
      request_id: requestId,
      region: "us",
    });
  });

  it("names what was created, what `current` is, and a proxied path by its template", async () => {
    const key = await call<{ id: string }>("/v1/api-keys", { method: "POST", token: owner.token, body: { name: "k" } });
    const made = await recordOf(key.headers.get("domicile-request-id"), owner.token);
    expect(made).toMatchObject({ action: "api_key.create", resource_type: "api_key", resource_id: key.body.id });
    const renew = await call("/v1/sessions/current/renew", { method: "POST", token: owner.token });
    const renewed = await recordOf(renew.headers.get("domicile-request-id"), owner.token);
    expect(renewed).toMatchObject({ action: "session.renew", resource_id: owner.sessionId });
    const path = "/v2/orders/42/lines/jane.doe%40example.com";
    const proxied = await recordOf(
      (await call(path, { token: owner.token })).headers.get("domicile-request-id"),
      owner.token,
    );
    expect(proxied).toMatchObject({
      action: "GET /v2/orders/{id}/lines/{id}",
      resource_type: "lines",
      resource_id: null,
    });
  });

  it("is made of what was refused: by role, and of wrong passwords for known accounts", async () => {
    const member = await newUser(customer, "member", "us");
    const byRole = await call("/v1/users", { token: member.token });
    const guess = { email: member.email, password: "wrong" };
    const refused = await call("/v1/sessions", { method: "POST", body: guess });
    expect(refused.status).toBe(401);
    const denied = { user_id: member.id, outcome: "denied", count: 1 };
    expect(await recordOf(byRole.headers.get("domicile-request-id"), owner.token, refusalMs)).toMatchObject(denied);
    expect(await recordOf(refused.headers.get("domicile-request-id"), owner.token, refusalMs)).toMatchObject({
      ...denied,
      action: "session.create",
    });
  });

  it("stands for every refusal of a principal within ten seconds, with their number, and is in the tree with it", async () => {
    const key = await newKey(owner, { tier: "basic" });
    const answers = await Promise.all(Array.from({ length: 60 }, () => call("/v1/limits", { token: key.key })));
    const limited = answers.filter((answer) => answer.status === 429);
    const ofKey = async () =>
      (await rowsOf(inject("platform").ownerUrls.us, customer.id)).filter(
        (row) => row.api_key_id === key.id && row.outcome === "denied",
      );
    await eventually(async () => (await ofKey()).length > 0, refusalMs);
    const rows = await ofKey();
    expect(rows.map(({ count }) => count)).toEqual([limited.length]);
    expect(limited.map(({ headers }) => headers.get("domicile-request-id"))).toContain(rows[0]?.request_id);
    const proof = await call<{ leaf: string }>(`/v1/audit-logs/${rows[0]?.id}/proof`, { token: owner.token });
    expect(JSON.parse(proof.body.leaf)).toMatchObject({ count: String(limited.length), v: "2" });
  });

  it("is made of a session that has ended and of one that is used abroad under the travel policy", async () => {
    const strict = await newCustomer({ travel_policy: "reauthenticate" });
    const [traveller, leaver] = [await newUser(strict, "member", "us"), await newUser(strict, "member", "us")];
    const reader = await newKey(await newUser(strict, "owner", "us"), { scopes: ["audit:read"], tier: "ci" });
    const abroad = await call("/v1/me", { token: traveller.token, headers: { "domicile-dev-country": "DE" } });
    expect(abroad.body["code"]).toBe("reauthentication_required");
    await call("/v1/sessions/current", { method: "DELETE", token: leaver.token });
    const ended = await call("/v1/me", { token: leaver.token });
    expect(ended.status).toBe(401);
    for (const [user, { headers }] of [
      [traveller, abroad],
      [leaver, ended],
    ] as const) {
      const record = await recordOf(headers.get("domicile-request-id"), reader.key, refusalMs);
      expect(record).toMatchObject({ user_id: user.id, action: "me.read", outcome: "denied" });
    }
  });

  it("is made of what operators do to the customer", async () => {
    const { data } = (await logs("limit=100&action=customer.create")).body;
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({ user_id: null, resource_id: customer.id, detail: "operator local" });
  });
});

describe("GET /v1/audit-logs", () => {
  it("combines every filter, and shows reading itself", async () => {
    const before = new Date().toISOString();
    await call("/v1/limits", { token: owner.token });
    await call("/v1/users/usr_01h455vb4pex5vsknk084sn02q", { token: owner.token });
    const filters = `user_id=${owner.id}&action=user.read&outcome=error&from=${before}&to=${new Date(Date.now() + 60_000).toISOString()}`;
    await eventually(async () => (await logs(filters)).body.data.length === 1);
    expect((await logs(filters.replace("outcome=error", "outcome=success"))).body.data).toEqual([]);
    expect((await logs(filters.replace("user.read", "user.update"))).body.data).toEqual([]);
    await eventually(async () => (await logs("action=audit_log.list&outcome=success")).body.data.length > 0);
  });

  it("skips and repeats nothing while rows arrive", async () => {
    const other = await newCustomer({ tier: "ci" });
    const reader = await newUser(other, "owner", "us");
    const ask = (count: number) =>
      Promise.all(Array.from({ length: count }, () => call("/v1/limits", { token: reader.token })));
    await ask(120);
    await eventually(async () => (await rowsOf(inject("platform").ownerUrls.us, other.id)).length >= 123);
    const there = (await rowsOf(inject("platform").ownerUrls.us, other.id)).map((row) => row.id);
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: AuditPage = (await logs(`limit=7${cursor === "" ? "" : `&cursor=${cursor}`}`, reader.token)).body;
      seen.push(...page.data.map((record) => record.id));
      cursor = page.next_cursor;
      await ask(3);
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(there.filter((id) => !seen.includes(id))).toEqual([]);
    expect(seen).toEqual(seen.toSorted().toReversed());
  });

  it("shows members their own records only, keys with the scope all, and nobody another customer's", async () => {
    const member = await newUser(customer, "member", "us");
    await eventually(async () => (await logs("limit=100", member.token)).body.data.length > 0);
    const own = (await logs("limit=100", member.token)).body.data;
    expect(own.every((record) => record.user_id === member.id)).toBe(true);
    expect((await logs(`user_id=${owner.id}`, member.token)).status).toBe(403);
    const [foreign] = (await logs(`user_id=${owner.id}&limit=1`)).body.data;
    expect((await call(`/v1/audit-logs/${foreign?.id}`, { token: member.token })).status).toBe(404);
    expect((await call(`/v1/audit-logs/${foreign?.id}/proof`, { token: member.token })).status).toBe(404);
    const key = await newKey(owner, { scopes: ["audit:read"], tier: "ci" });
    expect((await logs("limit=1", key.key)).body.data).toHaveLength(1);
    const stranger = await newUser(await newCustomer(), "owner", "us");
    expect((await logs(`user_id=${owner.id}`, stranger.token)).body.data).toEqual([]);
    expect((await call(`/v1/audit-logs/${foreign?.id}`, { token: stranger.token })).status).toBe(404);
  });

  it("asks another region of the customer by name, and refuses bad input", async () => {
    const emil = await newUser(customer, "admin", "eu");
    await eventually(async () => (await logs("region=eu&limit=100")).body.data.some((one) => one.user_id === emil.id));
    expect((await logs("limit=100")).body.data.some((one) => one.region === "eu")).toBe(false);
    for (const query of [
      "region=mars",
      "cursor=x",
      `cursor=${cursorAt("-271821-04-20T00:00:00.000Z aud_01h455vb4pex5vsknk084sn02q")}`,
      `cursor=${cursorAt("99999-01-01 aud_01h455vb4pex5vsknk084sn02q")}`,
      `cursor=${cursorAt("2026-11-23T00:00:00.000Z usr_01h455vb4pex5vsknk084sn02q")}`,
      "from=yesterday",
      "from=0000-01-01T00:00:00Z",
      "to=1969-12-31T23:59:59Z",
      "outcome=good",
      "limit=0",
      "user_id=1",
    ])
      expect((await logs(query)).status).toBe(422);
    const narrow = await newCustomer({ allowed_regions: ["us"], upstreams: {} });
    const reader = await newUser(narrow, "owner", "us");
    expect((await logs("region=eu", reader.token)).status).toBe(422);
  });

  it("remembers the caller's last actions for a while and says how old they are", async () => {
    const user = await newUser(customer, "viewer", "us");
    await eventually(async () => (await logs("", user.token)).body.data.length > 0);
    const first = await call<AuditPage>("/v1/audit-logs/recent", { token: user.token });
    expect(first.body.data.every((record) => record.user_id === user.id)).toBe(true);
    await call("/v1/limits", { token: user.token });
    const second = await call<AuditPage>("/v1/audit-logs/recent", { token: user.token });
    expect(second.body).toEqual(first.body);
    expect(Number(second.headers.get("age"))).toBeLessThanOrEqual(300);
  });
});
