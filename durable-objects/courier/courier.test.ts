import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { courierWorld as world } from "../test-worker/courier-world.ts";
import { eventually } from "../test-worker/eventually.ts";

/** How the endpoint answers, by `webhook-id`; it is told how many come at once. */
let answer: (id: string) => Promise<Response>;
let posted: string[];
let open: number;
let most: number;
let name: string;

beforeEach(() => {
  world.reset();
  answer = async () => new Response(null, { status: 204 });
  [posted, open, most, name] = [[], 0, 0, crypto.randomUUID()];
  vi.stubGlobal("fetch", async (_url: string, init: { headers: Record<string, string> }) => {
    const id = init.headers["webhook-id"] ?? "";
    posted.push(id);
    open += 1;
    most = Math.max(most, open);
    try {
      return await answer(id);
    } finally {
      open -= 1;
    }
  });
});

afterEach(() => vi.unstubAllGlobals());

function courier() {
  return env.COURIER.getByName(name);
}

function statusOf(id: string) {
  return world.deliveries.get(id)?.status;
}

/** A promise, and what ends it. */
function held() {
  return Promise.withResolvers<void>();
}

/** When the Courier's alarm is set, epoch milliseconds, and the rows that it has written since it was loaded. */
function storageOf(): Promise<{ alarm: number | null; rows: number }> {
  return runInDurableObject(courier(), async (_object, { storage }) => ({
    alarm: await storage.getAlarm(),
    rows: storage.sql.exec<{ rows: number }>("select total_changes() as rows").one().rows,
  }));
}

/** Waits until the Courier has nothing left to do for the `times`th time. */
function untilReleased(times = 1): Promise<void> {
  return eventually(() => expect(world.released.get(name)).toBe(times));
}

describe("the Courier of an endpoint", () => {
  it("delivers what is due, five at once at most, each once however often it is woken", async () => {
    for (let count = 0; count < 40; count++) world.add(`d${count}`);
    answer = async () => {
      await new Promise((waited) => setTimeout(waited, 5));
      return new Response(null, { status: 204 });
    };
    await Promise.all(Array.from({ length: 20 }, () => courier().wake(name)));
    await eventually(() =>
      expect([...world.deliveries.values()].every(({ status }) => status === "delivered")).toBe(true),
    );
    expect(most).toBe(5);
    expect(posted.toSorted()).toEqual([...world.deliveries.keys()].toSorted());
  });

  it("takes up what becomes due while it is reading", async () => {
    const reading = held();
    world.hold = reading.promise;
    await courier().wake(name);
    await eventually(() => expect(world.pulls).toBe(1));
    world.add("late");
    await courier().wake(name);
    world.hold = null;
    reading.resolve();
    await eventually(() => expect(statusOf("late")).toBe("delivered"));
  });

  it("posts nothing again whose result Postgres did not take, not even after it was evicted", async () => {
    world.add("once");
    const answering = held();
    answer = async () => {
      await answering.promise;
      return new Response(null, { status: 204 });
    };
    await courier().wake(name);
    await eventually(() => expect(posted).toEqual(["once"]));
    world.away = true;
    answering.resolve();
    await eventually(() => expect(open).toBe(0));
    await eventually(() => expect(world.refused).toBe(1));
    await evictDurableObject(courier());
    world.away = false;
    await runDurableObjectAlarm(courier());
    await eventually(() => expect(statusOf("once")).toBe("delivered"));
    expect(posted).toEqual(["once"]);
  });

  it("sends a try that failed through the queue, with the pause of its turn, and parks it after the sixth", async () => {
    answer = async () => new Response(null, { status: 500 });
    for (const [tries, seconds] of [1, 2, 4, 8, 16].entries()) {
      world.enqueued.length = 0;
      world.add("again", { tries, attempts: tries });
      await courier().wake(name);
      await eventually(() => expect(world.enqueued).toHaveLength(1));
      // Floored: the rest of the pause, up to a tenth, the Courier waits itself.
      expect(world.enqueued[0]?.delaySeconds).toBeGreaterThanOrEqual(seconds - 1);
      expect(world.enqueued[0]?.delaySeconds).toBeLessThanOrEqual(seconds * 1.1);
      world.deliveries.clear();
      name = crypto.randomUUID();
    }
    world.enqueued.length = 0;
    world.add("last", { tries: 5, attempts: 5 });
    await courier().wake(name);
    await eventually(() => expect(statusOf("last")).toBe("dead_letter"));
    expect(world.enqueued).toEqual([]);
  });

  it("looks no more than it must while a dead letter that it took up is not answered", async () => {
    world.add("parked", { status: "dead_letter", attempts: 6, tries: 6 });
    const answering = held();
    answer = async () => {
      await answering.promise;
      return new Response(null, { status: 204 });
    };
    await courier().wake(name);
    await eventually(() => expect(posted).toEqual(["parked"]));
    const before = world.pulls;
    await new Promise((waited) => setTimeout(waited, 300));
    expect(world.pulls - before).toBeLessThan(5);
    answering.resolve();
    await eventually(() => expect(statusOf("parked")).toBe("delivered"));
  });

  it("takes up one dead letter of an endpoint that fails, at the probe, and the others when it answers", async () => {
    world.failingSince = Date.now() - 60_000;
    for (let count = 0; count < 25; count++) world.add(`p${count}`, { status: "dead_letter", attempts: 6, tries: 6 });
    await courier().wake(name);
    await new Promise((waited) => setTimeout(waited, 100));
    expect(posted).toEqual([]);
    world.failingSince = null;
    await courier().wake(name);
    await eventually(() =>
      expect([...world.deliveries.values()].every(({ status }) => status === "delivered")).toBe(true),
    );
    expect(new Set(posted).size).toBe(posted.length);
  });

  it("disables an endpoint that is gone", async () => {
    world.add("gone");
    answer = async () => new Response(null, { status: 410 });
    await courier().wake(name);
    await eventually(() => expect(world.disabled).toContain("gone"));
    expect(statusOf("gone")).toBe("dead_letter");
  });
});

describe("a Courier that has nothing left to do", () => {
  it("leaves neither a connection nor an alarm, and has written one row for its first delivery and none for the next", async () => {
    for (const [at, id] of ["first", "second"].entries()) {
      world.add(id);
      await courier().wake(name);
      await untilReleased(at + 1);
      expect(statusOf(id)).toBe("delivered");
      expect(world.connected).not.toContain(name);
      expect(await storageOf()).toEqual({ alarm: null, rows: 1 });
    }
    expect(posted).toEqual(["first", "second"]);
  });

  it("has nothing left when the sweep wakes it for nothing", async () => {
    await courier().wake(name);
    await untilReleased();
    expect(world.connected).not.toContain(name);
    expect(await storageOf()).toEqual({ alarm: null, rows: 1 });
  });

  it("sets a safety alarm when its work lasts, and deletes it when the work ends", async () => {
    world.add("slow");
    const answering = held();
    answer = async () => {
      await answering.promise;
      return new Response(null, { status: 204 });
    };
    await courier().wake(name);
    await eventually(() => expect(posted).toEqual(["slow"]));
    expect((await storageOf()).alarm).toBeNull();
    const began = Date.now();
    await eventually(async () => expect((await storageOf()).alarm).not.toBeNull());
    const { alarm, rows } = await storageOf();
    expect((alarm ?? 0) - began).toBeGreaterThan(30_000);
    expect(rows).toBe(2);
    answering.resolve();
    await untilReleased();
    expect(statusOf("slow")).toBe("delivered");
    expect(await storageOf()).toEqual({ alarm: null, rows: 3 });
  });

  it("has left a failed attempt to the queue, without an alarm", async () => {
    world.add("again", { tries: 4, attempts: 4 });
    answer = async () => new Response(null, { status: 500 });
    await courier().wake(name);
    await untilReleased();
    expect(world.enqueued).toHaveLength(1);
    expect(world.connected).not.toContain(name);
    expect(await storageOf()).toEqual({ alarm: null, rows: 1 });
  });

  it("has set one alarm for a failed attempt whose message the queue refused", async () => {
    world.add("again", { tries: 4, attempts: 4 });
    world.queueRefuses = true;
    answer = async () => new Response(null, { status: 500 });
    await courier().wake(name);
    await untilReleased();
    expect(await storageOf()).toEqual({ alarm: world.deliveries.get("again")?.due, rows: 2 });
  });

  it("has set one alarm for a dead letter, at its probe, and does not set it again", async () => {
    world.add("last", { tries: 5, attempts: 5 });
    answer = async () => new Response(null, { status: 500 });
    const began = Date.now();
    await courier().wake(name);
    await untilReleased();
    const parked = await storageOf();
    // The endpoint's id, the probe and the alarm.
    expect(parked.rows).toBe(3);
    expect((parked.alarm ?? 0) - began).toBeGreaterThanOrEqual(15_000);
    expect((parked.alarm ?? 0) - began).toBeLessThan(20_000);
    await courier().wake(name);
    await untilReleased(2);
    expect(await storageOf()).toEqual(parked);
  });
});

describe("a Courier that dies while it posts", () => {
  /** Kills the Courier while the endpoint has not responded to its first request; `lasting`: once it has its safety alarm. */
  async function killWhilePosting(lasting: boolean): Promise<void> {
    world.add("interrupted");
    answer = () => new Promise(() => undefined);
    await courier().wake(name);
    await eventually(() => expect(posted).toEqual(["interrupted"]));
    if (lasting) await eventually(async () => expect((await storageOf()).alarm).not.toBeNull());
    await expect(
      runInDurableObject(courier(), (_object, state) => state.abort("killed by the test")),
    ).rejects.toThrow();
    answer = async () => new Response(null, { status: 204 });
  }

  it("posts again when the region's sweep wakes it", async () => {
    await killWhilePosting(false);
    expect((await storageOf()).alarm).toBeNull();
    await courier().wake(name);
    await eventually(() => expect(statusOf("interrupted")).toBe("delivered"));
    expect(posted).toEqual(["interrupted", "interrupted"]);
  });

  it("posts again by its safety alarm when the work had lasted", async () => {
    await killWhilePosting(true);
    expect(await runDurableObjectAlarm(courier())).toBe(true);
    await eventually(() => expect(statusOf("interrupted")).toBe("delivered"));
    expect(posted).toEqual(["interrupted", "interrupted"]);
    await eventually(async () => expect((await storageOf()).alarm).toBeNull());
  });
});
