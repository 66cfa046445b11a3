import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { startReceiver, type Receiver } from "../dev/receiver.ts";
import type { EventView } from "../schema/http/events.ts";
import { withSql } from "./audit-log-reading.ts";
import { act, emit, newEndpoint, newestAt, untilStatus, type MadeEndpoint } from "./webhook-world.ts";
import {
  baseUrl,
  call,
  eventually,
  newCustomer,
  newKey,
  newUser,
  operate,
  type TestCustomer,
  type TestUser,
} from "./world.ts";

let receiver: Receiver;
let customer: TestCustomer;
let owner: TestUser;
let european: TestUser;
let token: string;

const wide = { tier: "ci", key_tiers: ["ci"] };

beforeAll(async () => {
  receiver = await startReceiver();
  customer = await newCustomer(wide);
  owner = await newUser(customer, "owner", "us");
  european = await newUser(customer, "admin", "eu");
  ({ token } = owner);
});

afterAll(() => receiver.close());

describe("an event", () => {
  it("reaches an endpoint that wants its type, verified by standardwebhooks and by svix, byte for byte", async () => {
    const endpoint = await newEndpoint(token, receiver, "/paid", { event_types: ["invoice.*"] });
    expect(endpoint.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const data = '{ "amount": 1.50, "big": 12345678901234567890, "a":"\\u00e9", "a": [ 1,2 ] }';
    const response = await fetch(`${baseUrl()}/v1/events`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: `{"data" : ${data} , "type":"invoice.paid"}`,
    });
    const event = (await response.json()) as { id: string; created_at: string; region: string };
    expect(response.status).toBe(202);
    expect(event.region).toBe("us");
    await untilStatus(token, event.id, "delivered");
    const received = newestAt(receiver, "/paid");
    expect(received.body).toBe(`{"type":"invoice.paid","timestamp":"${event.created_at}","data":${data}}`);
    expect(received.id).toBe(event.id);
    expect(received.verified).toMatchObject({ type: "invoice.paid" });
    const { headers, body } = received;
    expect(() => new SvixWebhook(endpoint.secret).verify(body, headers)).not.toThrow();
    expect(() => new SvixWebhook(endpoint.secret).verify(`${body} `, headers)).toThrow();
    expect(() => new Webhook(endpoint.secret).verify(`${body} `, headers)).toThrow();
    expect(headers["content-type"]).toBe("application/json");
  });

  it("is accepted with no endpoint that wants it, and shows its metadata only", async () => {
    const event = await emit(token, { type: "nobody.wants", data: { secret: "payload-9f1" } });
    const answer = await call<EventView>(`/v1/events/${event.id}`, { token });
    expect(answer.body).toMatchObject({ type: "nobody.wants", payload: "sealed", deliveries: [], user_id: null });
    expect(JSON.stringify(answer.body)).not.toContain("payload-9f1");
  });

  it("goes to every endpoint whose filter matches, and to no other", async () => {
    const filters = [["order.created"], ["order.*"], ["*"], ["order"], ["orders.*"], ["order.created.x", "x"]];
    const endpoints: MadeEndpoint[] = [];
    for (const [number, event_types] of filters.entries())
      endpoints.push(await newEndpoint(token, receiver, `/filter-${number}`, { event_types }));
    const event = await emit(token, { type: "order.created", data: null });
    const got = (await call<EventView>(`/v1/events/${event.id}`, { token })).body.deliveries;
    const reached = endpoints.map(({ id }) => got.some((delivery) => delivery.endpoint_id === id));
    expect(reached).toEqual([true, true, true, false, false, false]);
    for (const { id } of endpoints) await call(`/v1/webhook-endpoints/${id}`, { method: "DELETE", token });
  });

  it("is kept in the home region of the user it is about, whoever emits it, and found from everywhere", async () => {
    const event = await emit(token, { type: "user.moved", user_id: european.id, data: {} });
    expect(event.region).toBe("eu");
    for (const reader of [token, european.token])
      expect((await call(`/v1/events/${event.id}`, { token: reader })).body).toMatchObject({
        region: "eu",
        user_id: european.id,
      });
    const listed = await call<{ data: EventView[] }>("/v1/events?region=eu&type=user.moved", { token });
    expect(listed.body.data.map(({ id }) => id)).toContain(event.id);
    const home = await call<{ data: EventView[] }>("/v1/events?type=user.moved", { token });
    expect(home.body.data).toEqual([]);
  });

  it("is refused about somebody who is no user of the customer", async () => {
    const stranger = await newUser(await newCustomer(), "owner", "eu");
    for (const user_id of [stranger.id, "usr_01h455vb4pex5vsknk084sn02q", "usr_x", 7]) {
      const answer = await act(token, "/v1/events", { type: "a.b", data: {}, user_id });
      expect(answer.status).toBe(422);
      expect(answer.body).toMatchObject({ errors: [{ path: "user_id" }] });
    }
  });

  it("is refused with a type that is none, without data, with the platform's own type, or with more members", async () => {
    for (const body of [
      { type: "", data: {} },
      { type: "a..b", data: {} },
      { type: "invoice.*", data: {} },
      { type: "invoice paid", data: {} },
      { type: "x".repeat(129), data: {} },
      { type: "invoice.paid" },
      { type: "webhook_endpoint.disabled", data: {} },
      { type: "invoice.paid", data: {}, more: 1 },
    ])
      expect((await act(token, "/v1/events", body)).status).toBe(422);
  });

  it("may have 256 KiB of data and not a byte more, and nesting that is only deep", async () => {
    const limit = 256 * 1024;
    await emit(token, { type: "big.one", data: "x".repeat(limit - 2) });
    const over = await act(token, "/v1/events", { type: "big.one", data: "x".repeat(limit - 1) });
    expect(over.status).toBe(413);
    expect(over.body).toMatchObject({ code: "payload_too_large" });
    expect((await act(token, "/v1/events", { type: "big.one", data: "x".repeat(2 * limit) })).status).toBe(413);
    const deep = await fetch(`${baseUrl()}/v1/events`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: `{"type":"deep.one","data":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    });
    expect(deep.status).toBe(202);
  });

  it("happens once for an Idempotency-Key, and is told apart from another body", async () => {
    const send = (data: unknown) =>
      call("/v1/events", {
        method: "POST",
        token,
        body: { type: "once.only", data },
        headers: { "idempotency-key": "k-1" },
      });
    const first = await send(1);
    const second = await send(1);
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    expect((await send(2)).status).toBe(422);
    // After a day the key is free again.
    await withSql(
      inject("platform").ownerUrls.us,
      (sql) => sql`update events set created_at = created_at - interval '25 hours' where type = 'once.only'`,
    );
    const next = await send(2);
    expect(next.status).toBe(202);
    expect(next.body["id"]).not.toBe(first.body["id"]);
    expect((await send(2)).body).toEqual(next.body);
    const listed = await call<{ data: unknown[] }>("/v1/events?type=once.only", { token });
    expect(listed.body.data).toHaveLength(2);
  });

  it("may be emitted by a key with the scope, and read only with that of reading", async () => {
    const { key } = await newKey(owner, { scopes: ["events:write"] });
    const event = await emit(key, { type: "by.key", data: {} });
    expect((await call(`/v1/events/${event.id}`, { token: key })).status).toBe(403);
    expect((await act(key, `/v1/events/${event.id}/decrypt`, { reason: "because" })).status).toBe(403);
  });
});

describe("decryption", () => {
  it("opens a payload with the reason in the audit log, once, and from the region that has it", async () => {
    const event = await emit(token, { type: "secret.one", user_id: european.id, data: { n: 1.0, text: "opened" } });
    const opened = await call<{ data: unknown }>(`/v1/events/${event.id}/decrypt`, {
      method: "POST",
      token,
      body: { reason: "Support case 7" },
    });
    expect(opened.status).toBe(200);
    expect(opened.body).toEqual({ data: { n: 1, text: "opened" } });
    expect(opened.headers.get("domicile-recorded")).toBeNull();
    const own = async (region: string) => {
      const { body } = await call<{
        data: { detail: string; request_id: string; user_id: string; ip_address: string | null }[];
      }>(`/v1/audit-logs?region=${region}&action=event.decrypt`, { token });
      return body.data.filter(({ request_id }) => request_id === opened.headers.get("domicile-request-id"));
    };
    // Where the payload was opened, with the reason and without what is personal of somebody of another region; and at home.
    expect(await own("eu")).toMatchObject([{ detail: "Support case 7", user_id: owner.id, ip_address: null }]);
    await eventually(async () => (await own("us")).length === 1);
    expect(await own("us")).toMatchObject([{ user_id: owner.id, ip_address: "127.0.0.1" }]);
    const here = await emit(token, { type: "secret.here", data: 1 });
    const once = await act(token, `/v1/events/${here.id}/decrypt`, { reason: "Support case 8" });
    const all = await call<{ data: { request_id: string }[] }>("/v1/audit-logs?action=event.decrypt", { token });
    expect(
      all.body.data.filter(({ request_id }) => request_id === once.headers.get("domicile-request-id")),
    ).toHaveLength(1);
  });

  it("is refused to members, strangers, without a reason, and of nothing", async () => {
    const event = await emit(token, { type: "secret.two", data: {} });
    const member = await newUser(customer, "member", "us");
    const stranger = await newUser(await newCustomer(), "owner", "us");
    const path = `/v1/events/${event.id}/decrypt`;
    expect((await act(member.token, path, { reason: "curious" })).status).toBe(403);
    expect((await act(stranger.token, path, { reason: "curious" })).status).toBe(404);
    for (const body of [{}, { reason: "" }, { reason: "  " }, { reason: "x".repeat(501) }, { reason: 1 }])
      expect((await act(token, path, body)).status).toBe(422);
    expect((await act(token, "/v1/events/evt_01h455vb4pex5vsknk084sn02q/decrypt", { reason: "why" })).status).toBe(404);
  });

  it("by an operator needs a ticket, and stands in the customer's own log", async () => {
    const event = await emit(token, { type: "secret.three", data: { for: "operators" } });
    const path = `/events/${event.id}/decrypt`;
    expect((await operate("POST", path, { reason: "no ticket" })).status).toBe(422);
    for (const nobody of [
      "evt_01h455vb4pex5vsknk084sn02q",
      "evt_7zzzzzzzzzzzzzzzzzzzzzzzzz",
      "evt_00000000000000000000000000",
    ]) {
      const answer = await operate("POST", `/events/${nobody}/decrypt`, { reason: "not there", ticket: "INC-2" });
      expect(answer.status).toBe(404);
    }
    const opened = await operate("POST", path, { reason: "customer asked", ticket: "INC-1" });
    expect(opened.body).toEqual({ data: { for: "operators" } });
    const log = await call<{ data: { detail: string; user_id: null }[] }>("/v1/audit-logs?action=event.decrypt", {
      token,
    });
    expect(log.body.data.map(({ detail }) => detail)).toContain("operator local, ticket INC-1: customer asked");
    expect(
      (await call(`/operator/v1${path}`, { method: "POST", token, body: { reason: "not one", ticket: "x" } })).status,
    ).toBe(401);
  });

  it("is limited", async () => {
    const other = await newCustomer(wide);
    const { token: curious } = await newUser(other, "owner", "us");
    const event = await emit(curious, { type: "secret.four", data: {} });
    const statuses: number[] = [];
    for (let count = 0; count < 24; count++)
      statuses.push((await act(curious, `/v1/events/${event.id}/decrypt`, { reason: "again and again" })).status);
    expect(statuses.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(statuses).toContain(429);
  });

  it("finds nothing once the customer's data keys are destroyed, and what is emitted after is sealed anew", async () => {
    const other = await newCustomer(wide);
    const { token: leaving } = await newUser(other, "owner", "us");
    const before = await emit(leaving, { type: "gone.soon", data: { a: 1 } });
    expect((await operate("DELETE", `/customers/${other.id}/data-keys?region=us`)).status).toBe(204);
    const opened = await act(leaving, `/v1/events/${before.id}/decrypt`, { reason: "is it gone" });
    expect(opened.status).toBe(409);
    expect((await call(`/v1/events/${before.id}`, { token: leaving })).body).toMatchObject({ payload: "erased" });
    const after = await emit(leaving, { type: "here.again", data: { b: 2 } });
    expect((await act(leaving, `/v1/events/${after.id}/decrypt`, { reason: "is it here" })).body).toEqual({
      data: { b: 2 },
    });
  });

  it("finds nothing of a deleted user's that was delivered", async () => {
    const leaver = await newUser(customer, "member", "us");
    const event = await emit(token, { type: "leaver.did", user_id: leaver.id, data: { name: "Leaver" } });
    await call(`/v1/users/${leaver.id}`, { method: "DELETE", token });
    expect((await call(`/v1/events/${event.id}`, { token })).body).toMatchObject({ payload: "erased" });
  });
});
