import { createPublicKey, verify } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { startReceiver, type Receiver } from "../dev/receiver.ts";
import type { EventView } from "../schema/http/events.ts";
import { act, at, deliveriesOf, emit, newEndpoint, newestAt, untilStatus } from "./webhook-world.ts";
import { baseUrl, call, eventually, newCustomer, newUser } from "./world.ts";

let receiver: Receiver;
let token: string;

beforeAll(async () => {
  receiver = await startReceiver();
  ({ token } = await newUser(await newCustomer({ tier: "ci", key_tiers: ["ci"] }), "owner", "us"));
});

afterAll(() => receiver.close());

describe("an endpoint", () => {
  it("is changed, tested, disabled, enabled and deleted; its secret is shown on the record", async () => {
    const made = await newEndpoint(token, receiver, "/life", { event_types: ["life.*"], description: "Life" });
    expect(made).toMatchObject({ status: "enabled", region: "us", description: "Life", cross_region: null });
    const path = `/v1/webhook-endpoints/${made.id}`;
    const changed = await call(path, { method: "PATCH", token, body: { event_types: ["life.begins"] } });
    expect(changed.body).toMatchObject({ event_types: ["life.begins"], description: "Life" });
    const tested = await act<{ id: string; delivery_id: string }>(token, `${path}/test`);
    expect(tested.status).toBe(202);
    await untilStatus(token, tested.body.id, "delivered");
    expect(at(receiver, "/life")[0]?.verified).toMatchObject({ type: "webhook_endpoint.test" });
    const revealed = await act<{ data: { secret: string }[] }>(token, `${path}/secret/reveal`, { reason: "lost it" });
    expect(revealed.body.data.map(({ secret }) => secret)).toEqual([made.secret]);
    const log = await call<{ data: { detail: string }[] }>("/v1/audit-logs?action=webhook_endpoint.secret.reveal", {
      token,
    });
    expect(log.body.data[0]).toMatchObject({ detail: "lost it", resource_id: made.id });
    await call(path, { method: "PATCH", token, body: { status: "disabled" } });
    expect((await act(token, `${path}/test`)).status).toBe(409);
    const parked = await emit(token, { type: "life.begins", data: {} });
    const [delivery] = await deliveriesOf(token, `event_id=${parked.id}`);
    expect(delivery).toMatchObject({ status: "dead_letter", parked_for: "endpoint_disabled", attempts: [] });
    expect((await act(token, `/v1/deliveries/${delivery?.id}/retry`)).status).toBe(409);
    expect((await act(token, `${path}/recover`, { since: "2026-01-01T00:00:00Z" })).status).toBe(409);
    await call(path, { method: "PATCH", token, body: { status: "enabled" } });
    await untilStatus(token, parked.id, "delivered");
    expect((await call(path, { method: "DELETE", token })).status).toBe(204);
    expect((await call(path, { token })).status).toBe(404);
    expect((await call(path, { method: "DELETE", token })).status).toBe(404);
    const listed = await call<{ data: { id: string }[] }>("/v1/webhook-endpoints?limit=100", { token });
    expect(listed.body.data.map(({ id }) => id)).not.toContain(made.id);
    expect(JSON.stringify(listed.body)).not.toContain("whsec_");
  });

  it("signs with the old and the new secret while they overlap, and with the new one after", async () => {
    const made = await newEndpoint(token, receiver, "/rotate", { event_types: ["rotate.me"] });
    const path = `/v1/webhook-endpoints/${made.id}/secret/rotate`;
    const rotated = await act<{ secret: string }>(token, path, { overlap_seconds: 3600 });
    expect(rotated.status).toBe(201);
    expect(rotated.body.secret).not.toBe(made.secret);
    const both = await emit(token, { type: "rotate.me", data: 1 });
    await untilStatus(token, both.id, "delivered");
    const first = newestAt(receiver, "/rotate");
    for (const secret of [made.secret, rotated.body.secret])
      expect(new Webhook(secret).verify(first.body, first.headers)).toMatchObject({ data: 1 });
    receiver.secrets.delete("/rotate");
    const newest = await act<{ secret: string }>(token, path, { overlap_seconds: 0 });
    const one = await emit(token, { type: "rotate.me", data: 2 });
    await untilStatus(token, one.id, "delivered");
    const last = newestAt(receiver, "/rotate");
    expect(last.headers["webhook-signature"]?.split(" ")).toHaveLength(1);
    expect(new Webhook(newest.body.secret).verify(last.body, last.headers)).toMatchObject({ data: 2 });
  });

  it("has an Ed25519 signature beside the HMAC where v1a was asked for", async () => {
    const made = await newEndpoint(token, receiver, "/v1a", { event_types: ["asym.one"], signing: "v1a" });
    expect(made.verification_key).toMatch(/^whpk_/);
    const event = await emit(token, { type: "asym.one", data: {} });
    await untilStatus(token, event.id, "delivered");
    const received = newestAt(receiver, "/v1a");
    expect(received.verified).toMatchObject({ type: "asym.one" });
    const { headers, body } = received;
    const [v1, v1a] = (headers["webhook-signature"] ?? "").split(" ");
    expect(v1).toMatch(/^v1,/);
    const x = Buffer.from(made.verification_key?.slice("whpk_".length) ?? "", "base64").toString("base64url");
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    const content = Buffer.from(`${event.id}.${headers["webhook-timestamp"]}.${body}`);
    expect(verify(null, content, key, Buffer.from(v1a?.slice("v1a,".length) ?? "", "base64"))).toBe(true);
  });

  it("belongs to the customer: another one sees, changes and deletes nothing", async () => {
    const made = await newEndpoint(token, receiver, "/mine", { event_types: ["mine.only"] });
    const stranger = await newUser(await newCustomer(), "owner", "us");
    const path = `/v1/webhook-endpoints/${made.id}`;
    for (const method of ["GET", "PATCH", "DELETE"])
      expect(
        (await call(path, { method, token: stranger.token, ...(method === "PATCH" && { body: {} }) })).status,
      ).toBe(404);
    for (const more of ["/test", "/secret/rotate"]) expect((await act(stranger.token, path + more)).status).toBe(404);
    expect((await act(stranger.token, `${path}/secret/reveal`, { reason: "steal" })).status).toBe(404);
    const foreign = await emit(stranger.token, { type: "mine.only", data: {} });
    expect((await call<EventView>(`/v1/events/${foreign.id}`, { token: stranger.token })).body.deliveries).toEqual([]);
  });
});

describe("a delivery", () => {
  it("is retried by hand after it was parked, with every try on record, and its answer can be opened", async () => {
    await newEndpoint(token, receiver, "/gone-once", { event_types: ["hand.retry"] });
    receiver.answer = ({ path }) => (path === "/gone-once" ? { status: 500, body: "it-is-broken" } : { status: 204 });
    const event = await emit(token, { type: "hand.retry", data: {} });
    await eventually(async () => (await deliveriesOf(token, `event_id=${event.id}`))[0]?.attempts.length === 2, 10_000);
    const [pending] = await deliveriesOf(token, `event_id=${event.id}`);
    expect(pending).toMatchObject({
      status: "pending",
      attempts: [{ number: 1, status_code: 500, error: "status" }, { number: 2 }],
    });
    expect(Date.parse(pending?.next_attempt_at ?? "")).toBeGreaterThan(Date.now());
    expect((await act(token, `/v1/deliveries/${pending?.id}/retry`)).status).toBe(409);
    receiver.answer = () => ({ status: 200, body: "thanks" });
    const done = await untilStatus(token, event.id, "delivered");
    expect(done.attempts.at(-1)).toMatchObject({ status_code: 200, error: null });
    const opened = await act<{ data: object[] }>(token, `/v1/deliveries/${done.id}/decrypt`, {
      reason: "what did it say",
    });
    expect(opened.body.data[0]).toEqual({ number: 1, response: "it-is-broken" });
    expect(opened.body.data.at(-1)).toMatchObject({ response: "thanks" });
    const again = await act(token, `/v1/deliveries/${done.id}/retry`);
    expect(again.status).toBe(202);
    await untilStatus(token, event.id, "delivered");
    expect(new Set(at(receiver, "/gone-once").map(({ id }) => id))).toEqual(new Set([event.id]));
  });

  it("tells why it could not be made: connect, status, redirect not followed, Retry-After respected", async () => {
    const closed = await startReceiver();
    await closed.close();
    const refused = await newEndpoint(token, closed, "/closed", { event_types: ["why.connect"] });
    const nobody = await emit(token, { type: "why.connect", data: {} });
    await eventually(
      async () => (await deliveriesOf(token, `event_id=${nobody.id}`))[0]?.attempts.length !== 0,
      10_000,
    );
    const [delivery] = await deliveriesOf(token, `endpoint_id=${refused.id}`);
    expect(delivery?.attempts[0]).toMatchObject({ status_code: null, error: "connect" });
    await newEndpoint(token, receiver, "/redirect", { event_types: ["why.redirect"] });
    await newEndpoint(token, receiver, "/later", { event_types: ["why.later"] });
    receiver.answer = ({ path }) => {
      if (path === "/redirect") return { status: 302, headers: { location: `${receiver.url}/redirected` } };
      return path === "/later" ? { status: 429, headers: { "retry-after": "40" } } : { status: 204 };
    };
    const redirected = await emit(token, { type: "why.redirect", data: {} });
    const later = await emit(token, { type: "why.later", data: {} });
    await eventually(async () => (await deliveriesOf(token, `event_id=${later.id}`))[0]?.attempts.length === 1, 10_000);
    const [waiting] = await deliveriesOf(token, `event_id=${later.id}`);
    const pause = Date.parse(waiting?.next_attempt_at ?? "") - Date.parse(waiting?.attempts[0]?.attempted_at ?? "");
    expect(pause).toBeGreaterThanOrEqual(40_000);
    const [moved] = await deliveriesOf(token, `event_id=${redirected.id}`);
    expect(moved?.attempts[0]).toMatchObject({ status_code: 302, error: "status" });
    expect(at(receiver, "/redirected")).toEqual([]);
    receiver.answer = () => ({ status: 204 });
    for (const { endpoint_id } of [delivery, waiting, moved].flatMap((one) => one ?? []))
      await call(`/v1/webhook-endpoints/${endpoint_id}`, { method: "DELETE", token });
  });

  it("that meets 410 disables its endpoint and parks, and another endpoint is told", async () => {
    const told = await newEndpoint(token, receiver, "/told", { event_types: ["webhook_endpoint.*"] });
    const gone = await newEndpoint(token, receiver, "/gone", { event_types: ["gone.now"] });
    receiver.answer = ({ path }) => (path === "/gone" ? { status: 410 } : { status: 204 });
    const event = await emit(token, { type: "gone.now", data: {} });
    const parked = await untilStatus(token, event.id, "dead_letter");
    expect(parked.attempts).toMatchObject([{ number: 1, status_code: 410 }]);
    expect((await call(`/v1/webhook-endpoints/${gone.id}`, { token })).body).toMatchObject({
      status: "disabled",
      disabled_reason: "gone",
    });
    await eventually(async () => at(receiver, "/told").length === 1, 10_000);
    expect(at(receiver, "/told")[0]?.verified).toMatchObject({
      type: "webhook_endpoint.disabled",
      data: { endpoint_id: gone.id, reason: "gone" },
    });
    receiver.answer = () => ({ status: 204 });
    await call(`/v1/webhook-endpoints/${told.id}`, { method: "DELETE", token });
  });

  it("comes in order where FIFO was asked for, though the first fails", async () => {
    await newEndpoint(token, receiver, "/fifo", { event_types: ["fifo.*"], ordering: "fifo" });
    let failures = 2;
    receiver.answer = ({ path }) => {
      if (path !== "/fifo" || failures === 0) return { status: 204, afterMs: 20 };
      failures -= 1;
      return { status: 500 };
    };
    const events: string[] = [];
    for (let count = 0; count < 12; count++) events.push((await emit(token, { type: "fifo.one", data: count })).id);
    await eventually(async () => at(receiver, "/fifo").length >= 14, 15_000);
    const ids = at(receiver, "/fifo").map(({ id }) => id);
    expect(ids).toEqual([events[0], events[0], ...events]);
    receiver.answer = () => ({ status: 204 });
  });

  it("keeps to the rate that was asked for, and to five at once", async () => {
    const { id } = await newEndpoint(token, receiver, "/rate", { event_types: ["rate.*"], rate_per_second: 10 });
    for (let count = 0; count < 11; count++) await emit(token, { type: "rate.one", data: count });
    await eventually(async () => at(receiver, "/rate").length === 11, 15_000);
    const times = at(receiver, "/rate").map((one) => one.at);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(900);
    await call(`/v1/webhook-endpoints/${id}`, {
      method: "PATCH",
      token,
      body: { rate_per_second: null, event_types: ["five.*"] },
    });
    let open = 0;
    let most = 0;
    receiver.answer = () => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => (open -= 1), 400);
      return { status: 204, afterMs: 400 };
    };
    for (let count = 0; count < 30; count++) await emit(token, { type: "five.one", data: count });
    await eventually(async () => at(receiver, "/rate").length === 41, 15_000);
    expect(most).toBe(5);
    receiver.answer = () => ({ status: 204 });
  });
});

describe("metrics", () => {
  it("count dead letters, what waits, and how long deliveries take", async () => {
    const silent = await startReceiver();
    silent.answer = () => ({ status: 204, hang: true });
    const read = async (name: string): Promise<number> => {
      const answer = await fetch(`${baseUrl()}/operator/v1/metrics`, {
        headers: { authorization: `Bearer ${inject("platform").operatorToken}` },
      });
      const line = new RegExp(`^domicile_webhook_${name.replace(/[{}"]/g, "\\$&")} (.*)$`, "m").exec(
        await answer.text(),
      );
      return Number(line?.[1] ?? Number.NaN);
    };
    const dead = await read('dead_letters{region="us"}');
    const parked = await newEndpoint(token, receiver, "/counted", { event_types: ["counted.*"] });
    await call(`/v1/webhook-endpoints/${parked.id}`, { method: "PATCH", token, body: { status: "disabled" } });
    const waiting = await newEndpoint(token, silent, "/silent", { event_types: ["counted.*"] });
    for (let count = 0; count < 3; count++) await emit(token, { type: "counted.one", data: {} });
    // Those of other tests may be among them.
    expect(await read('dead_letters{region="us"}')).toBeGreaterThanOrEqual(dead + 3);
    expect(await read('pending{region="us"}')).toBeGreaterThanOrEqual(3);
    expect(await read('pending_oldest_seconds{region="us"}')).toBeGreaterThan(0);
    expect(await read('queue_depth{region="us"}')).toBeGreaterThanOrEqual(0);
    const [p50, p99] = [
      await read('delivery_latency_seconds{region="us",quantile="0.5"}'),
      await read('delivery_latency_seconds{region="us",quantile="0.99"}'),
    ];
    expect(p50).toBeGreaterThan(0);
    expect(p99).toBeGreaterThanOrEqual(p50);
    await call(`/v1/webhook-endpoints/${waiting.id}`, { method: "DELETE", token });
    await silent.close();
  });
});
