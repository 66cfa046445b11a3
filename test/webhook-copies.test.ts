import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, expectStatus } from "../dev/api.ts";
import type { EventView } from "../schema/http/events.ts";
import { withSql } from "./audit-log-reading.ts";
import { startOwnWebhooks, type OwnWebhooks } from "./own-webhooks.ts";
import { eventually, wait } from "./world.ts";

let world: OwnWebhooks;
let european: { readonly id: string; readonly token: string };

beforeAll(async () => {
  world = await startOwnWebhooks();
  european = await world.own.user("european@own.example", "admin", "eu");
});

afterAll(() => world.close());

const optIn = { cross_region: { legal_basis: "Standard contractual clauses, annex II" } };

/** Configuration is seen everywhere within three seconds here. */
const seenMs = 3500;

function change(id: string, body: object): Promise<unknown> {
  const request = { method: "PATCH", token: world.token, body };
  return expectStatus(200, world.own.platform.baseUrl, `/v1/webhook-endpoints/${id}`, request);
}

/** Emits an event about the European, and says to how many endpoints it goes. */
async function emitAbout(type: string): Promise<{ readonly id: string; readonly endpoints: number }> {
  const { baseUrl } = world.own.platform;
  const request = { method: "POST", token: world.token, body: { type, user_id: european.id, data: {} } };
  const { body } = await expectStatus<{ id: string }>(202, baseUrl, "/v1/events", request);
  const event = await ask<EventView>(baseUrl, `/v1/events/${body.id}`, { token: world.token });
  return { id: body.id, endpoints: event.body.deliveries.length };
}

/** An endpoint of `us` that opted in, and of which `eu` has a copy. */
async function copied(path: string): Promise<{ readonly id: string }> {
  const made = await world.endpoint(path);
  await change(made.id, optIn);
  await eventually(async () => (await emitAbout(`${path.slice(1)}.one`)).endpoints === 1);
  return made;
}

function inGlobal<T>(work: Parameters<typeof withSql<T>>[1]): Promise<T> {
  return withSql(world.own.platform.ownerUrl("global"), work);
}

describe("a copy of an endpoint of another region", () => {
  it("is not taken away by a list that lacks it: that may only be older", async () => {
    const { id } = await copied("/lacking");
    const [row] = await inGlobal((sql) => sql`delete from cross_region_endpoints where id = ${id} returning *`);
    await wait(seenMs);
    const event = await emitAbout("lacking.one");
    expect(event.endpoints).toBe(1);
    await eventually(async () => world.at("/lacking").includes(event.id), 10_000);
    expect(row).toMatchObject({ id });
  });

  it("is taken back also when that comes between the night, which publishes everything anew, and the sweeper", async () => {
    const { id } = await copied("/anew");
    await world.own.platform.scheduled("domicile-us", new Date());
    await change(id, { cross_region: null });
    await eventually(async () => (await emitAbout("anew.one")).endpoints === 0);
    const [row] = await inGlobal((sql) => sql`select endpoint from cross_region_endpoints where id = ${id}`);
    expect(row).toEqual({ endpoint: null });
  });

  it("that cannot be opened is logged, and no event is refused for it", async () => {
    const { id } = await copied("/unopened");
    await inGlobal(
      (sql) => sql`update cross_region_endpoints set version = version + 1,
        endpoint = jsonb_set(jsonb_set(endpoint, '{version}', to_jsonb(version + 1)), '{secrets,eu}', '"e30.a.b.c.d"') where id = ${id}`,
    );
    await eventually(async () => {
      await emitAbout("unopened.one");
      return world.own.platform.logs.some(({ message }) => message.includes('"endpoint.not_copied"'));
    });
    // With what it was before.
    const event = await emitAbout("unopened.one");
    expect(event.endpoints).toBe(1);
    await eventually(async () => world.at("/unopened").includes(event.id), 10_000);
  });
});

describe("an event about a user who is being deleted", () => {
  it("waits for that, and is refused", async () => {
    const leaver = await world.own.user("leaver@own.example", "member", "us");
    const { baseUrl } = world.own.platform;
    const body = { type: "leaver.left", user_id: leaver.id, data: {} };
    const emitted = await withSql(world.own.platform.ownerUrl("us"), (sql) =>
      sql.begin(async (tx) => {
        await tx`select from users where id = ${leaver.id} for update`;
        const answer = ask(baseUrl, "/v1/events", { method: "POST", token: world.token, body });
        await wait(500);
        await tx`update users set deleted_at = now(), email = null, name = null, password_hash = null, status = 'disabled'
          where id = ${leaver.id}`;
        return { answer };
      }),
    );
    expect((await emitted.answer).status).toBe(422);
  });
});
