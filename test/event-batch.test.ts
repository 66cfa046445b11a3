import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startReceiver, type Receiver } from "../dev/receiver.ts";
import { batchResultsSchema, type EventResult, type EventView } from "../schema/http/events.ts";
import { act, newEndpoint, newestAt, untilStatus } from "./webhook-world.ts";
import { baseUrl, call, eventually, newCustomer, newUser, operate, type TestCustomer, type TestUser } from "./world.ts";

let receiver: Receiver;
let customer: TestCustomer;
let owner: TestUser;
let european: TestUser;
let token: string;

beforeAll(async () => {
  receiver = await startReceiver();
  customer = await newCustomer({ tier: "ci" });
  owner = await newUser(customer, "owner", "us");
  european = await newUser(customer, "member", "eu");
  ({ token } = owner);
});

afterAll(() => receiver.close());

const path = "/v1/events/batch";

/** An audit record, as far as these tests look at it. */
interface Recorded {
  readonly request_id: string;
  readonly action: string;
  readonly resource_id: string | null;
}

/** Sends a batch. `results` is empty if the response has none. */
async function send(events: readonly unknown[], headers: Record<string, string> = {}) {
  const response = await call<{ results?: EventResult[] }>(path, { method: "POST", token, body: { events }, headers });
  if (response.status === 200) batchResultsSchema.parse(response.body);
  const { results = [] } = response.body;
  return { ...response, results, statuses: results.map(({ status }) => status) };
}

function idOf(result: EventResult | undefined): string {
  if (result === undefined || !("id" in result)) throw new Error(`the event was refused: ${JSON.stringify(result)}`);
  return result.id;
}

describe("a batch of events", () => {
  it("is accepted with a result for each event, in order, and delivered byte for byte", async () => {
    await newEndpoint(token, receiver, "/batch", { event_types: ["batch.*"] });
    const data = '{ "amount": 1.50, "big": 12345678901234567890, "a" :[ 1,2 ,"]}"] }';
    const response = await fetch(`${baseUrl()}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: ` { "events" : [ {"type":"other.one","data":1} , {"data": ${data} , "type":"batch.one"},{"type":"other.two","data":null}]}`,
    });
    expect(response.status).toBe(200);
    const { results } = batchResultsSchema.parse(await response.json());
    expect(results).toMatchObject([
      { status: 202, type: "other.one", region: "us", deliveries: 0 },
      { status: 202, type: "batch.one", region: "us", deliveries: 1 },
      { status: 202, type: "other.two", region: "us", deliveries: 0 },
    ]);
    await untilStatus(token, idOf(results[1]), "delivered");
    const received = newestAt(receiver, "/batch");
    expect(received.id).toBe(idOf(results[1]));
    expect(received.body.endsWith(`"data":${data}}`)).toBe(true);
  });

  it("of a hundred events keeps their order", async () => {
    const { statuses, results } = await send(
      Array.from({ length: 100 }, (_, number) => ({ type: `many.n${number}`, data: number })),
    );
    expect(statuses.every((status) => status === 202)).toBe(true);
    expect(results.map((result) => "type" in result && result.type)).toEqual(
      Array.from({ length: 100 }, (_, number) => `many.n${number}`),
    );
    expect(new Set(results.map(idOf)).size).toBe(100);
  });

  it("accepts the good events beside bad ones, and says what is wrong with each", async () => {
    const stranger = await newUser(await newCustomer(), "owner", "us");
    const { status, results, statuses } = await send([
      { type: "good.one", data: {} },
      { type: "bad type", data: {} },
      { type: "bad.one" },
      { type: "webhook_endpoint.disabled", data: {} },
      { type: "bad.one", data: {}, user_id: stranger.id },
      { type: "bad.one", data: {}, user_id: "usr_01h455vb4pex5vsknk084sn02q" },
      { type: "bad.one", data: {}, more: 1 },
      "no object",
      { type: "bad.one", data: "x".repeat(256 * 1024) },
      { type: "good.two", data: {} },
    ]);
    expect(status).toBe(200);
    expect(statuses).toEqual([202, 422, 422, 422, 422, 422, 422, 422, 413, 202]);
    expect(results[2]).toMatchObject({ error: { code: "validation_failed", errors: [{ path: "data" }] } });
    for (const at of [4, 5])
      expect(results[at]).toMatchObject({ error: { code: "validation_failed", errors: [{ path: "user_id" }] } });
    expect(results[8]).toMatchObject({ error: { code: "payload_too_large" } });
    const event = await call<EventView>(`/v1/events/${idOf(results[9])}`, { token });
    expect(event.body).toMatchObject({ type: "good.two" });
  });

  it("keeps each event in the home region of its user", async () => {
    const { results } = await send([
      { type: "home.one", data: 1, user_id: european.id },
      { type: "home.two", data: 2, user_id: owner.id },
      { type: "home.three", data: 3 },
      { type: "home.four", data: 4, user_id: european.id },
    ]);
    expect(results).toMatchObject([
      { status: 202, type: "home.one", region: "eu" },
      { status: 202, type: "home.two", region: "us" },
      { status: 202, type: "home.three", region: "us" },
      { status: 202, type: "home.four", region: "eu" },
    ]);
    const listed = await call<{ data: EventView[] }>("/v1/events?region=eu&limit=100", { token });
    const kept = new Set(listed.body.data.map(({ id }) => id));
    expect(results.map((result) => kept.has(idOf(result)))).toEqual([true, false, false, true]);
    const opened = await act(token, `/v1/events/${idOf(results[3])}/decrypt`, { reason: "what is in it" });
    expect(opened.body).toEqual({ data: 4 });
  });

  it("rejects the whole batch when its body is invalid", async () => {
    for (const body of [{}, { events: [] }, { events: {} }, { events: [1], more: 1 }])
      expect((await act(token, path, body)).status).toBe(422);
    expect((await send(Array.from({ length: 101 }, () => ({ type: "a.b", data: 1 })))).status).toBe(422);
    const large = Array.from({ length: 21 }, () => ({ type: "a.b", data: "x".repeat(250 * 1024) }));
    expect((await send(large)).status).toBe(413);
    expect((await call(path, { token })).status).toBe(405);
    expect((await send([{ type: "a.b", data: 1 }], { "idempotency-key": "not valid" })).status).toBe(422);
    const divided = [
      { type: "a.b", data: 1 },
      { type: "a.b", data: 1, user_id: european.id },
    ];
    expect((await send(divided, { "idempotency-key": "not valid" })).status).toBe(422);
  });

  it("may be as large as its limit", async () => {
    const large = Array.from({ length: 20 }, () => ({ type: "large.one", data: "x".repeat(255 * 1024) }));
    expect((await send(large)).statuses).toEqual(large.map(() => 202));
  });

  it("of no acceptable event is answered all the same", async () => {
    expect((await send([{ type: "" }, 7])).statuses).toEqual([422, 422]);
  });
});

describe("a batch with an Idempotency-Key", () => {
  it("happens once, event by event, also where it is divided by region", async () => {
    const events = [
      { type: "key.one", data: 1 },
      { type: "key.one", data: 1, user_id: european.id },
      { type: "key.one", data: 1 },
    ];
    const headers = { "idempotency-key": "batch-1" };
    const first = await send(events, headers);
    expect(first.statuses).toEqual([202, 202, 202]);
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    expect(new Set(first.results.map(idOf)).size).toBe(3);
    const second = await send(events, headers);
    expect(second.results).toEqual(first.results);
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    const changed = await send(
      [events[0], { ...events[1], data: 2 }, events[2], { type: "key.new", data: 1 }],
      headers,
    );
    expect(changed.statuses).toEqual([202, 422, 202, 202]);
    expect(changed.results[1]).toMatchObject({ error: { code: "idempotency_mismatch" } });
    expect([changed.results[0], changed.results[2]]).toEqual([first.results[0], first.results[2]]);
    expect(changed.headers.get("idempotent-replayed")).toBeNull();
  });

  it("happens once when it is sent several times at once", async () => {
    const events = Array.from({ length: 20 }, (_, number) => ({ type: "key.race", data: number }));
    const sent = await Promise.all(Array.from({ length: 8 }, () => send(events, { "idempotency-key": "batch-2" })));
    for (const { statuses, results } of sent) {
      expect(statuses.every((status) => status === 202)).toBe(true);
      expect(results.map(idOf)).toEqual(sent[0]?.results.map(idOf));
    }
    const listed = await call<{ data: unknown[] }>("/v1/events?type=key.race&limit=100", { token });
    expect(listed.body.data).toHaveLength(20);
  });
});

describe("events in flight", () => {
  it("are sealed again when the customer's data keys were destroyed meanwhile", async () => {
    const destroy = () => operate("DELETE", `/customers/${customer.id}/data-keys?region=us`);
    const emitting = Array.from({ length: 20 }, (_, round) =>
      send(Array.from({ length: 10 }, (__, number) => ({ type: "rekeyed.one", data: `${round}-${number}` }))),
    );
    expect((await destroy()).status).toBe(204);
    const sent = await Promise.all(emitting);
    expect(sent.flatMap(({ statuses }) => statuses).every((status) => status === 202)).toBe(true);
    const after = await send([{ type: "rekeyed.two", data: "readable" }]);
    const opened = await act(token, `/v1/events/${idOf(after.results[0])}/decrypt`, { reason: "is it readable" });
    expect(opened.body).toEqual({ data: "readable" });
  });

  it("are recorded in the audit log once for each request, wherever they are kept", async () => {
    const [here, there] = [
      { type: "audit.one", data: 1 },
      { type: "audit.two", data: 2, user_id: european.id },
    ];
    const single = await act<{ id: string }>(token, "/v1/events", here);
    const abroad = await act<{ id: string }>(token, "/v1/events", there);
    const batches = [await send([here, here]), await send([here, there]), await send([there, there])];
    const requests = [single, abroad, ...batches].map(({ headers }) => headers.get("domicile-request-id") ?? "");
    const records = async (): Promise<Recorded[]> => {
      const { body } = await call<{ data: Recorded[] }>("/v1/audit-logs?limit=100", { token });
      return body.data.filter(({ request_id }) => requests.includes(request_id));
    };
    await eventually(async () => (await records()).length >= requests.length);
    const all = await records();
    const facts = requests.map((id) => all.filter(({ request_id }) => request_id === id));
    const own = { user_id: owner.id, outcome: "success", ip_address: "127.0.0.1" };
    expect(facts).toMatchObject([
      [{ ...own, action: "event.create", resource_id: single.body.id }],
      [{ ...own, action: "event.create", resource_id: abroad.body.id }],
      ...batches.map(() => [{ ...own, action: "event.create_batch", resource_id: null }]),
    ]);
  });

  it("fail alone when their region is closed", async () => {
    const set = (status: string) => operate("PATCH", "/regions/eu", { status });
    const events = [
      { type: "closed.one", data: 1, user_id: european.id },
      { type: "closed.two", data: 2 },
    ];
    expect((await set("closed")).status).toBe(200);
    try {
      await eventually(async () => (await send(events)).statuses[0] === 503);
      const { results } = await send(events);
      expect(results).toMatchObject([
        { status: 503, error: { code: "region_closed" } },
        { status: 202, region: "us" },
      ]);
      // Nothing was accepted: the whole request may be sent again.
      const whole = await send([events[0]]);
      expect(whole.status).toBe(503);
      expect(whole.headers.get("retry-after")).not.toBeNull();
    } finally {
      await set("active");
      await eventually(async () => (await send(events)).statuses.every((status) => status === 202));
    }
  });
});
