import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, expectStatus } from "../dev/api.ts";
import type { Region } from "../schema/regions.ts";
import { withSql } from "./audit-log-reading.ts";
import { startOwnWebhooks, type OwnWebhooks } from "./own-webhooks.ts";

let world: OwnWebhooks;

beforeAll(async () => {
  world = await startOwnWebhooks({ keepsQueueHistory: true });
});

afterAll(() => world.close());

describe("what is at rest", () => {
  it("holds no payload, no secret and no key in the clear: databases, objects, queues, logs", async () => {
    const made = await world.endpoint("/rest");
    world.receiver.answer = () => ({ status: 200, body: "canary-response-66617" });
    const id = await world.emit("rest.one", { text: "canary-payload-31415" });
    await world.untilDelivered(id, "/rest");
    const traces = ["canary-payload-31415", "canary-response-66617", made.secret.slice("whsec_".length)].flatMap(
      (text) => [
        text,
        Buffer.from(text).toString("base64").replace(/=+$/, ""),
        Buffer.from(text).toString("hex"),
        Buffer.from(text, "base64").toString("hex"),
      ],
    );
    const keys = Object.values(world.own.platform.secrets.regions).flatMap(({ dataKeys }) =>
      dataKeys.map(({ key }) => key),
    );
    const places: [string, string][] = [];
    for (const database of ["us", "eu", "global"] as const) places.push([database, await dump(database)]);
    places.push([
      "queues",
      [...(world.own.platform.queues.history?.values() ?? [])]
        .flat()
        .map((body) => Buffer.from(body, "base64").toString())
        .join("\n"),
    ]);
    places.push(["logs", world.own.platform.logs.map(({ message }) => message).join("\n")]);
    for (const [place, text] of places)
      expect({ place, found: [...traces, ...keys].filter((trace) => text.includes(trace)) }).toEqual({
        place,
        found: [],
      });
    expect(places[0]?.[1]).toContain("rest.one");
    expect(places[3]?.[1]).toContain('"kind":"webhook.due"');
  });
});

describe("old events", () => {
  it("lose their payload 30 days after they were delivered, and are gone after 90; what is parked stays", async () => {
    const made = await world.endpoint("/old");
    world.receiver.answer = () => ({ status: 204 });
    const delivered = await world.emit("old.delivered", { text: "forget me" });
    await world.untilDelivered(delivered, "/old");
    const patch = { method: "PATCH", token: world.token, body: { status: "disabled" } };
    await expectStatus(200, world.own.platform.baseUrl, `/v1/webhook-endpoints/${made.id}`, patch);
    const parked = await world.emit("old.parked", { text: "keep me" });
    const payload = async (id: string) =>
      (await ask<{ payload?: string }>(world.own.platform.baseUrl, `/v1/events/${id}`, { token: world.token })).body
        .payload ?? "gone";
    const after = (days: number) =>
      world.own.platform.scheduled("domicile-us", new Date(Date.now() + days * 86_400_000));
    await after(29);
    expect([await payload(delivered), await payload(parked)]).toEqual(["sealed", "sealed"]);
    // A secret that no key of the ring opens keeps the night from nothing else.
    await withSql(
      world.own.platform.ownerUrl("us"),
      (sql) => sql`update webhook_secrets set sealed = '\\x0161' where endpoint_id = ${made.id}`,
    );
    await after(31);
    expect(world.own.platform.logs.some(({ message }) => message.includes('"rewrap.unopened"'))).toBe(true);
    expect([await payload(delivered), await payload(parked)]).toEqual(["erased", "sealed"]);
    await after(91);
    expect([await payload(delivered), await payload(parked)]).toEqual(["gone", "sealed"]);
  }, 60_000);
});

async function dump(database: Region | "global"): Promise<string> {
  return withSql(world.own.platform.ownerUrl(database), async (sql) => {
    const tables = await sql`select table_name from information_schema.tables where table_schema = 'public'`;
    const rows = await Promise.all(
      tables.map((table) => sql.unsafe(`select t::text as row from "${table["table_name"]}" t`)),
    );
    return rows
      .flat()
      .map((row) => String(row["row"]))
      .join("\n");
  });
}
