import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { world } from "../test-worker/index.ts";
import {
  ask,
  askFor,
  basic,
  crash,
  newKey,
  newUser,
  rowsWritten,
  secret,
  session,
  slowly,
  upTo,
} from "../test-worker/gates.ts";

beforeEach(() => {
  world.tier = { name: "basic", unlimited: false, recheck_seconds: 5, policies: basic };
});

describe("what a Gate counts", () => {
  it("admits no more of 1,000 concurrent requests than the bucket holds", async () => {
    const { gate } = newUser();
    const began = Date.now();
    const admitted = await askFor(gate, 1000);
    expect(admitted).toBeGreaterThanOrEqual(20);
    expect(admitted).toBeLessThanOrEqual(20 + 20 * Math.floor((Date.now() - began) / 1000));
  });

  it("forgets no spending when it crashes in the middle", async () => {
    const { gate } = newUser();
    const began = Date.now();
    let admitted = 0;
    for (let round = 0; round < 10; round++) {
      admitted += await askFor(gate, 7);
      await crash(gate);
    }
    expect(admitted).toBeGreaterThan(0);
    expect(admitted).toBeLessThanOrEqual(20 + 20 * Math.floor((Date.now() - began) / 1000));
  });

  it("loses ten requests of a basic tier in a crash, and none when only the object is evicted", async () => {
    world.tier = slowly(100);
    const [crashed, evicted] = [newUser().gate, newUser().gate];
    const began = Date.now();
    for (const gate of [crashed, evicted]) expect(await askFor(gate, 5)).toBe(5);
    await crash(crashed);
    await askFor(evicted, 1);
    await evictDurableObject(evicted);
    const admitted = [await askFor(crashed, 100), await askFor(evicted, 100)];
    const refilled = Math.floor((Date.now() - began) / 1000);
    // The first request wrote the row. A crash costs all of the lease, of which four had been spent.
    expect((admitted[0] ?? 0) - (100 - 1 - 10)).toBeOneOf(upTo(refilled));
    expect((admitted[1] ?? 0) - (100 - 5 - 1)).toBeOneOf(upTo(refilled));
  });

  it("ignores a remembered ledger whose row another isolate has replaced", async () => {
    world.tier = slowly(100);
    const began = Date.now();
    const { id, gate } = newUser();
    await askFor(gate, 5);
    const objectId = env.GATE.idFromName(id).toString();
    const remembered = await runInDurableObject(gate, (_object, { storage }) => {
      const { id: rowId } = storage.kv.get<{ id: string }>("ledger") ?? { id: "" };
      return { rowId, ledger: world.ledgers.find(objectId, rowId) };
    });
    if (remembered.ledger === null) throw new Error("the ledger is not remembered");
    // What another isolate spends, this one does not see.
    await crash(gate);
    expect(await askFor(gate, 60)).toBe(60);
    world.ledgers.keep(objectId, { rowId: remembered.rowId, ledger: remembered.ledger });
    await evictDurableObject(gate);
    expect(await askFor(gate, 100)).toBeLessThanOrEqual(100 - 5 - 60 + Math.floor((Date.now() - began) / 1000));
  });

  it("limits a user, whatever the number of sessions", async () => {
    world.tier = slowly(20);
    const began = Date.now();
    const { gate } = newUser();
    const both = await ask(
      gate,
      Array.from({ length: 30 }, (_, at) => session(at % 2 ? "one" : "two")),
    );
    const admitted = both.filter((kind) => kind === "admitted").length;
    expect(admitted - 20).toBeOneOf(upTo(Math.floor((Date.now() - began) / 1000)));
  });

  it("counts the usage of an unlimited tier, what was served without asking included", async () => {
    world.tier = { name: "ci", unlimited: true, recheck_seconds: 5, policies: [] };
    const { gate } = newKey();
    await ask(gate, [secret("right"), secret("right")]);
    const answer = await gate.admit({ proof: secret("right"), alreadyServed: 40 });
    expect(answer).toMatchObject({ kind: "admitted", usage: 43, reuseForMs: 5000 });
  });

  it("counts requests served without asking, also when the request that reports them is refused", async () => {
    const { gate } = newUser();
    await ask(gate, [session("one")]);
    await gate.admit({ proof: session("unknown"), alreadyServed: 4 });
    expect(await gate.admit({ proof: session("one"), alreadyServed: 0 })).toMatchObject({ usage: 6 });
  });

  it("writes one row for eleven requests of a busy client, and one for a hundred of an unlimited one", async () => {
    world.tier = slowly(1000);
    const busy = newUser().gate;
    await ask(busy, [session("one")]);
    const before = await rowsWritten(busy);
    expect(await askFor(busy, 550)).toBe(550);
    const rows = (await rowsWritten(busy)) - before;
    // What refills while the requests come need not be written.
    expect(rows).toBeLessThanOrEqual(50);
    expect(rows).toBeGreaterThan(40);
    world.tier = { name: "ci", unlimited: true, recheck_seconds: 5, policies: [] };
    const unlimited = newUser().gate;
    await ask(unlimited, [session("one")]);
    const beforeUnlimited = await rowsWritten(unlimited);
    expect(await askFor(unlimited, 1000)).toBe(1000);
    expect((await rowsWritten(unlimited)) - beforeUnlimited).toBe(10);
  });
});
