import { readFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LocalSecrets } from "../dev/secrets.ts";
import type { SealedEvent } from "../durable-objects/event-writer/event.ts";
import { newId } from "../schema/ids.ts";
import { idSchema } from "../schema/ids.ts";
import { findEarlier } from "../workers/region/events/earlier.ts";
import { insertEvents } from "../workers/region/events/insert.ts";
import { emit } from "./webhook-world.ts";
import { call, newCustomer, newUser, type TestUser } from "./world.ts";

/** The writer's own role in `us`, and the owner. */
let writer: postgres.Sql;
let owner: postgres.Sql;
let one: Customer;
let other: Customer;

interface Customer {
  readonly id: string;
  readonly user: TestUser;
  readonly endpoints: readonly string[];
}

beforeAll(async () => {
  const { ownerUrls, stateDir } = inject("platform");
  const secrets = JSON.parse(readFileSync(join(stateDir, "secrets.json"), "utf8")) as LocalSecrets;
  const url = new URL(ownerUrls.us);
  url.username = "us_events";
  url.password = secrets.eventsPasswords.us;
  writer = postgres(url.href, { max: 1 });
  owner = postgres(ownerUrls.us, { max: 2 });
  [one, other] = [await newEmitter(2), await newEmitter(1)];
});

afterAll(() => Promise.all([writer.end(), owner.end()]));

/** A customer with a data key, and endpoints that want `a.*`. */
async function newEmitter(endpoints: number): Promise<Customer> {
  const customer = await newCustomer({ tier: "ci" });
  const user = await newUser(customer, "owner", "us");
  const ids: string[] = [];
  for (let count = 0; count < endpoints; count++) {
    const body = { url: `http://127.0.0.1:9/${count}`, event_types: ["a.*"] };
    const made = await call<{ id: string }>("/v1/webhook-endpoints", { method: "POST", token: user.token, body });
    ids.push(made.body.id);
  }
  await emit(user.token, { type: "first.one", data: 1 });
  return { id: customer.id, user, endpoints: ids };
}

function eventOf({ id }: Customer, change: Partial<SealedEvent> = {}): SealedEvent {
  return {
    customerId: id,
    id: newId("event"),
    type: "a.b",
    userId: null,
    size: 2,
    payload: Uint8Array.of(1, 2, 3),
    keyVersion: 1,
    createdAt: Date.now(),
    request: null,
    to: { except: null },
    copies: "included",
    ...change,
  };
}

async function insert(...events: SealedEvent[]) {
  return (await insertEvents(writer, "us", events)).events;
}

describe("the statement that inserts events", () => {
  it("inserts events of several customers with their deliveries, and names one delivery for each endpoint", async () => {
    const events = [eventOf(one), eventOf(other), eventOf(one), eventOf(other, { type: "unwanted" })];
    const inserted = await insertEvents(writer, "us", events);
    expect(inserted.events).toMatchObject([
      { kind: "inserted", deliveries: 2 },
      { kind: "inserted", deliveries: 1 },
      { kind: "inserted", deliveries: 2 },
      { kind: "inserted", deliveries: 0, deliveryId: null },
    ]);
    expect(inserted.due.map(({ endpoint_id }) => endpoint_id).toSorted()).toEqual(
      [...one.endpoints, ...other.endpoints].toSorted(),
    );
    const rows = await owner`select d.id, d.customer_id, d.event_id, d.endpoint_id, d.seq from deliveries d
      where event_id in ${owner(events.map(({ id }) => id))} order by seq`;
    expect(rows).toHaveLength(5);
    // In the order of the events, with ids that are TypeIDs and sort by time as all others.
    expect(rows.map((row) => row["event_id"] as string)).toEqual([0, 0, 1, 2, 2].map((at) => events[at]?.id));
    expect(new Set(rows.map((row) => row["id"] as string)).size).toBe(5);
    for (const row of rows) expect(idSchema("delivery").safeParse(row["id"]).success).toBe(true);
    for (const row of rows) expect(row["customer_id"]).toBe(row["event_id"] === events[1]?.id ? other.id : one.id);
  });

  it("keeps an event of a customer from the user and the endpoints of another", async () => {
    const [byUser, only] = await insert(
      eventOf(one, { userId: other.user.id }),
      eventOf(one, { to: { only: other.endpoints[0] ?? "" } }),
    );
    expect(byUser).toEqual({ kind: "unknown_user" });
    expect(only).toMatchObject({ kind: "inserted", deliveries: 0 });
  });

  it("refuses single events without harm to the others", async () => {
    const results = await insert(
      eventOf(one, { userId: one.user.id }),
      eventOf(one, { userId: newId("user") }),
      eventOf(one, { keyVersion: 7 }),
      eventOf(one),
    );
    expect(results.map(({ kind }) => kind)).toEqual(["inserted", "unknown_user", "stale_key", "inserted"]);
  });

  it("inserts one of two events with the same request, and finds it for the other", async () => {
    const request = { key: newId("request"), hash: "h" };
    const events = [
      eventOf(one, { request }),
      eventOf(one, { request }),
      eventOf(one, { request: { ...request, hash: "x" } }),
    ];
    expect((await insert(...events)).map(({ kind }) => kind)).toEqual(["inserted", "conflict", "conflict"]);
    const earlier = await findEarlier(writer, events, Date.now());
    expect(earlier).toMatchObject([
      { kind: "accepted", id: events[0]?.id, deliveries: 2, repeated: false },
      { kind: "accepted", id: events[0]?.id, deliveries: 2, repeated: true },
      { kind: "idempotency_mismatch" },
    ]);
    // The same events of the other customer have nothing to do with them.
    expect(await insert(eventOf(other, { request }))).toMatchObject([{ kind: "inserted" }]);
  });

  it("recognises an event that it has inserted before", async () => {
    const event = eventOf(one);
    expect(await insert(event)).toMatchObject([{ kind: "inserted" }]);
    expect(await insert(event)).toEqual([{ kind: "conflict" }]);
    expect(await findEarlier(writer, [event], Date.now())).toMatchObject([
      { kind: "accepted", id: event.id, deliveries: 2, repeated: false },
    ]);
  });

  it("frees the request of an event that is a day old", async () => {
    const request = { key: newId("request"), hash: "h" };
    const day = 24 * 3_600_000;
    expect(await insert(eventOf(one, { request, createdAt: Date.now() - day - 1000 }))).toMatchObject([
      { kind: "inserted" },
    ]);
    const again = eventOf(one, { request: { ...request, hash: "x" } });
    expect(await insert(again)).toEqual([{ kind: "conflict" }]);
    expect(await findEarlier(writer, [again], Date.now())).toEqual([{ kind: "free" }]);
    expect(await insert(again)).toMatchObject([{ kind: "inserted" }]);
  });

  it("does not wait for a user or a data key that another transaction holds", async () => {
    await owner.begin(async (sql) => {
      await sql`select from users where customer_id = ${one.id} and id = ${one.user.id} for update`;
      await sql`update customer_data_keys set created_at = created_at where customer_id = ${other.id}`;
      const results = await insert(eventOf(one, { userId: one.user.id }), eventOf(other), eventOf(one));
      expect(results.map(({ kind }) => kind)).toEqual(["busy", "busy", "inserted"]);
    });
    const results = await insert(eventOf(one, { userId: one.user.id }), eventOf(other));
    expect(results.map(({ kind }) => kind)).toEqual(["inserted", "inserted"]);
  });

  it("refuses an event under a destroyed key", async () => {
    const leaving = await newEmitter(0);
    await owner`update customer_data_keys set wrapped = null, destroyed_at = now() where customer_id = ${leaving.id}`;
    expect(await insert(eventOf(leaving), eventOf(one))).toMatchObject([{ kind: "stale_key" }, { kind: "inserted" }]);
  });

  it("sends to copies only when they are known to be up to date, and refuses when that cannot be known", async () => {
    const copied = await newEmitter(1);
    await owner`insert into webhook_endpoints (customer_id, id, home_region, url, event_types, status, ordering, signing, version, created_at, updated_at)
      values (${copied.id}, ${newId("webhookEndpoint")}, 'eu', 'https://eu.example/', '{*}', 'enabled', 'none', 'v1', 1, now(), now())`;
    const results = await insert(
      eventOf(copied),
      eventOf(copied, { copies: "excluded" }),
      eventOf(copied, { copies: "unknown" }),
      eventOf(one, { copies: "unknown" }),
    );
    expect(results).toMatchObject([
      { kind: "inserted", deliveries: 2 },
      { kind: "inserted", deliveries: 1 },
      { kind: "copies_unknown" },
      { kind: "inserted", deliveries: 2 },
    ]);
  });
});

describe("the role of the event writer", () => {
  it.each([
    ["reads no payload", "select payload from events"],
    ["reads no e-mail address", "select email from users"],
    ["reads no signing secret", "select * from webhook_secrets"],
    ["reads no audit log", "select * from audit_logs"],
    ["changes no user, though it may lock one", "update users set deleted_at = now()"],
    ["changes no data key", "update customer_data_keys set destroyed_at = now()"],
    ["replaces no data key", "update customer_data_keys set wrapped = null"],
    ["erases no event", "update events set payload = null"],
    ["deletes no event", "delete from events"],
    ["changes no delivery", "update deliveries set status = 'delivered'"],
  ])("%s", async (_, statement) => {
    // 42501: insufficient privilege, also for a row that a policy refuses.
    await expect(writer.unsafe(statement)).rejects.toMatchObject({ code: "42501" });
  });

  it("has taken over from the handlers' role, which inserts no events any more", async () => {
    const app = postgres(inject("platform").appUrls.us, { max: 1 });
    try {
      for (const table of ["events", "deliveries", "customer_data_keys"])
        await expect(app.unsafe(`insert into ${table} default values`)).rejects.toMatchObject({ code: "42501" });
    } finally {
      await app.end();
    }
  });
});
