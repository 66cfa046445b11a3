import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AuditEntry } from "../../schema/audit/entry.ts";
import { leafBytes } from "../../schema/audit/leaf.ts";
import { sealMessage, type AuditMessage } from "../../schema/audit/message.ts";
import { newId, timeOfId } from "../../schema/ids.ts";
import { auditWorld as world, checkpointMs } from "../test-worker/audit-world.ts";
import { parseCheckpoint } from "./checkpoint/checkpoint.ts";
import { appendLeaves, emptyFrontier, rootOf } from "./tree/frontier.ts";
import { leafHash } from "./tree/hash.ts";

let customer: string;
let shard: string;

beforeAll(() => world.prepare());

beforeEach(() => {
  customer = newId("customer");
  shard = `shard-${customer}`;
  world.mood = "well";
  world.refused = "";
  world.buried.length = 0;
  world.observed.length = 0;
  world.released = 0;
  world.aheadMs = 0;
});

function log(name = shard) {
  return env.AUDIT.getByName(name);
}

function entry(change: Partial<AuditEntry> = {}): AuditEntry {
  const id = newId("auditRecord");
  const who = { customer_id: customer, user_id: "usr_1", api_key_id: null };
  const what = { action: "me.read", resource_type: "user", resource_id: null, outcome: "success" } as const;
  const personal = { ip_address: "203.0.113.7", user_agent: "Test/1", detail: null };
  return { id, ...who, ...what, ...personal, timestamp: timeOfId(id), request_id: newId("request"), ...change };
}

function seal(entries: readonly AuditEntry[]): Promise<AuditMessage> {
  return sealMessage(entries, { id: newId("message"), region: "eu", shard: 0 }, world.publicKey);
}

/** Runs the log's alarm when it may go without a checkpoint no longer. */
function runDueAlarm(): Promise<boolean> {
  world.aheadMs += checkpointMs;
  return runDurableObjectAlarm(log());
}

/** That the tree is of exactly the records that are there, and the last checkpoint is of it. */
async function expectWhole(): Promise<void> {
  const records = world.log(customer);
  expect(records.map((record) => record.leafIndex)).toEqual(records.map((_, at) => at));
  const signed = await log().checkpoint(customer);
  if (signed.kind !== "signed") throw new Error("the log is not signed");
  const checkpoint = parseCheckpoint(signed.note.slice(0, signed.note.indexOf("\n\n") + 1));
  const leaves = records.map((record) => leafHash(leafBytes(record)));
  expect(checkpoint?.size).toBe(records.length);
  expect(Buffer.from(checkpoint?.root ?? []).toString("hex")).toBe(
    Buffer.from(rootOf(appendLeaves(emptyFrontier, leaves).frontier)).toString("hex"),
  );
}

describe("writing", () => {
  it("orders, seals what is personal, and writes a message that comes again once", async () => {
    const entries = [entry(), entry(), entry()];
    const message = await seal(entries.toReversed());
    expect(await log().write([message, message])).toEqual([{ kind: "written" }, { kind: "written" }]);
    await evictDurableObject(log());
    expect(await log().write([message])).toEqual([{ kind: "written" }]);
    expect(world.log(customer).map(({ id }) => id)).toEqual(entries.map(({ id }) => id));
    expect(JSON.stringify(world.log(customer))).not.toContain("203.0.113.7");
    await expectWhole();
  });

  it("writes once what was committed when the connection was lost", async () => {
    const message = await seal([entry(), entry()]);
    world.mood = "lost after the commit";
    expect(await log().write([message])).toEqual([{ kind: "away" }]);
    world.mood = "well";
    expect(await log().write([message])).toEqual([{ kind: "written" }]);
    expect(world.log(customer)).toHaveLength(2);
    await expectWhole();
  });

  it("keeps one tree when two writers have a customer, each with a memory of its own", async () => {
    for (let at = 0; at < 6; at++) {
      const [one, other] = await Promise.all([seal([entry()]), seal([entry(), entry()])]);
      await Promise.all([log().write([one]), log(`${shard}-other`).write([other])]);
    }
    expect(world.log(customer)).toHaveLength(18);
    await expectWhole();
  });

  it("writes each entry once through outages, lost connections, evictions and repetitions in any order", async () => {
    const step = fc.constantFrom("write", "again", "evict", "away", "lost after the commit", "well");
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        customer = newId("customer");
        shard = `shard-${customer}`;
        // Only what runs can be evicted.
        await log().stats();
        const sent: AuditMessage[] = [];
        const ids: string[] = [];
        for (const what of steps) {
          if (what === "evict") {
            await evictDurableObject(log());
            await log().stats();
          } else if (what === "write") {
            const entries = [entry(), entry({ user_id: null, api_key_id: "key_1" })];
            ids.push(...entries.map(({ id }) => id));
            sent.push(await seal(entries));
            await log().write(sent.slice(-1));
          } else if (what === "again") await log().write(sent);
          else world.mood = what;
        }
        world.mood = "well";
        const outcomes = await log().write(sent);
        expect(outcomes.every(({ kind }) => kind === "written")).toBe(true);
        expect(
          world
            .log(customer)
            .map(({ id }) => id)
            .toSorted(),
        ).toEqual(ids.toSorted());
        await expectWhole();
      }),
      { numRuns: 15 },
    );
  });

  it("writes one batch at a time for hundreds of concurrent requests, each waiting for those before it", async () => {
    const messages = await Promise.all(Array.from({ length: 300 }, () => seal([entry()])));
    Object.assign(world, { appendMs: 1, mostAppending: 0 });
    const outcomes = await Promise.all(messages.map((message) => log().write([message])));
    world.appendMs = 0;
    expect(outcomes.flat().every(({ kind }) => kind === "written")).toBe(true);
    expect(world.mostAppending).toBe(1);
    expect(world.log(customer)).toHaveLength(300);
    await expectWhole();
  });

  it("writes the others when the database refuses one", async () => {
    world.refused = "refused";
    const messages = await Promise.all([seal([entry()]), seal([entry({ action: "refused" })]), seal([entry()])]);
    expect((await log().write(messages)).map(({ kind }) => kind)).toEqual(["written", "poison", "written"]);
    expect(world.log(customer)).toHaveLength(2);
    await expectWhole();
  });

  it("reports writes together, at most once in ten seconds", async () => {
    for (let at = 0; at < 3; at++) await log().write([await seal([entry(), entry()])]);
    expect(world.observed).toEqual([2]);
    world.aheadMs = 10_000;
    await log().write([await seal([entry()])]);
    expect(world.observed).toEqual([2, 5]);
  });

  it("erases as it comes what belongs to a subject whose key is destroyed", async () => {
    world.dataKeys.set(`${customer}/usr_1`, { customerId: customer, subjectId: "usr_1", wrapped: null });
    await log().write([await seal([entry()])]);
    expect(world.log(customer)[0]?.personal_sealed).toBeNull();
    await expectWhole();
  });
});

describe("the outbox", () => {
  it("outlives an eviction and an outage, and is emptied by the alarm; poison is buried", async () => {
    const message = await seal([entry()]);
    await log().keep(message);
    await log().keep(message);
    await log().keep({ ...message, id: "msg_0", sealed: "nonsense" });
    world.mood = "away";
    await runDurableObjectAlarm(log());
    expect((await log().stats()).outbox).toBe(1);
    expect(world.buried).toEqual(["unknown_key"]);
    await evictDurableObject(log());
    world.mood = "well";
    expect(await runDurableObjectAlarm(log())).toBe(true);
    expect((await log().stats()).outbox).toBe(0);
    expect(world.log(customer)).toHaveLength(1);
  });
});

describe("signing", () => {
  it("is done by the alarm when a log has grown", async () => {
    await log().write([await seal([entry()])]);
    expect((await log().stats()).unsigned).toBe(1);
    await runDueAlarm();
    expect((await log().stats()).unsigned).toBe(0);
    expect(world.bucket.get(customer)).toContain(`${world.originOf(customer)}\n1\n`);
  });

  it("is done within the hour for a quiet log, and at most every five minutes for one of 1,000 records", async () => {
    const quiet = newId("customer");
    await log().write([await seal([entry({ customer_id: quiet })])]);
    for (let at = 0; at < 10; at++) await log().write([await seal(Array.from({ length: 100 }, () => entry()))]);
    world.aheadMs = 240_000;
    await runDurableObjectAlarm(log());
    expect((await log().stats()).unsigned).toBe(2);
    world.aheadMs = 310_000;
    await runDurableObjectAlarm(log());
    expect(world.bucket.get(customer)).toContain(`${world.originOf(customer)}\n1000\n`);
    expect(world.bucket.has(quiet)).toBe(false);
    // After an eviction the time of the first record is still known.
    await evictDurableObject(log());
    world.aheadMs = checkpointMs + 10_000;
    expect(await runDurableObjectAlarm(log())).toBe(true);
    expect(world.bucket.get(quiet)).toContain(`${world.originOf(quiet)}\n1\n`);
    expect((await log().stats()).unsigned).toBe(0);
  });

  it("is refused to a tree whose newest leaves are gone, or whose signed ones are others, also by another object", async () => {
    await log().write([await seal([entry(), entry(), entry()])]);
    await expectWhole();
    const last = world.nodes.get(`${customer}/0/2`);
    world.nodes.delete(`${customer}/0/2`);
    await evictDurableObject(log());
    expect(await log().checkpoint(customer)).toEqual({ kind: "tampered", signedSize: 3, size: 2 });
    expect(await log(`${shard}-other`).checkpoint(customer)).toEqual({ kind: "tampered", signedSize: 3, size: 2 });
    world.nodes.set(`${customer}/0/2`, leafHash(new Uint8Array()));
    expect(await log().checkpoint(customer)).toMatchObject({ kind: "tampered" });
    if (last !== undefined) world.nodes.set(`${customer}/0/2`, last);
    await evictDurableObject(log());
    await expectWhole();
  });

  it("of one log is not kept back by another that cannot be signed", async () => {
    const other = newId("customer");
    world.bucket.set(other, "nobody's note\n");
    await log().write([await seal([entry({ customer_id: other })])]);
    await log().write([await seal([entry()])]);
    await runDueAlarm();
    expect(world.bucket.get(customer)).toContain(world.originOf(customer));
    expect((await log().stats()).unsigned).toBe(1);
  });
});

describe("a log that nothing follows for", () => {
  /** When the alarm is set, epoch milliseconds, and the rows that the log has written since it was loaded. */
  function storageOf(): Promise<{ alarm: number | null; rows: number }> {
    return runInDurableObject(log(), async (_object, { storage }) => ({
      alarm: await storage.getAlarm(),
      rows: storage.sql.exec<{ rows: number }>("select total_changes() as rows").one().rows,
    }));
  }

  it("releases its connection after a write, an alarm and a checkpoint, once for writes that come together", async () => {
    const messages = await Promise.all([seal([entry()]), seal([entry()]), seal([entry()])]);
    await runInDurableObject(log(), (object) => Promise.all(messages.map((message) => object.write([message]))));
    expect(world.released).toBe(1);
    await runDueAlarm();
    expect(world.released).toBe(2);
    await log().checkpoint(customer);
    expect(world.released).toBe(3);
  });

  it("releases it when Postgres does not take the write", async () => {
    world.mood = "away";
    await log().write([await seal([entry()])]);
    expect(world.released).toBe(1);
  });

  it("writes two rows until the next checkpoint, three at the checkpoint, and leaves no alarm", async () => {
    await log().write([await seal([entry()])]);
    // The customer's log has grown, and the alarm for its checkpoint.
    expect((await storageOf()).rows).toBe(2);
    await log().write([await seal([entry()])]);
    const { rows, alarm } = await storageOf();
    expect(rows).toBe(2);
    expect(alarm).not.toBeNull();
    await runDueAlarm();
    expect(world.log(customer)).toHaveLength(2);
    const signed = await storageOf();
    expect(signed.alarm).toBeNull();
    // The alarm has fired, the checkpoint is remembered, and the log has no longer grown.
    expect(signed.rows - rows).toBe(3);
  });
});
