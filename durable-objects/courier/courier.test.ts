import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { courierWorld as world } from "../test-worker/courier-world.ts";

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

describe("the Courier of an endpoint", () => {
  it("delivers what is due, five at once at most, each once however often it is woken", async () => {
    for (let count = 0; count < 40; count++) world.add(`d${count}`);
    answer = async () => {
      await new Promise((waited) => setTimeout(waited, 5));
      return new Response(null, { status: 204 });
    };
    await Promise.all(Array.from({ length: 20 }, () => courier().wake(name)));
    await vi.waitFor(() =>
      expect([...world.deliveries.values()].every(({ status }) => status === "delivered")).toBe(true),
    );
    expect(most).toBe(5);
    expect(posted.toSorted()).toEqual([...world.deliveries.keys()].toSorted());
  });

  it("takes up what becomes due while it is reading", async () => {
    const reading = held();
    world.hold = reading.promise;
    await courier().wake(name);
    await vi.waitFor(() => expect(world.pulls).toBe(1));
    world.add("late");
    await courier().wake(name);
    world.hold = null;
    reading.resolve();
    await vi.waitFor(() => expect(statusOf("late")).toBe("delivered"));
  });

  it("posts nothing again whose result Postgres did not take, not even after it was evicted", async () => {
    world.add("once");
    const answering = held();
    answer = async () => {
      await answering.promise;
      return new Response(null, { status: 204 });
    };
    await courier().wake(name);
    await vi.waitFor(() => expect(posted).toEqual(["once"]));
    world.away = true;
    answering.resolve();
    await vi.waitFor(() => expect(open).toBe(0));
    await vi.waitFor(() => expect(world.refused).toBe(1));
    await evictDurableObject(courier());
    world.away = false;
    await runDurableObjectAlarm(courier());
    await vi.waitFor(() => expect(statusOf("once")).toBe("delivered"));
    expect(posted).toEqual(["once"]);
  });

  it("sends a try that failed through the queue, with the pause of its turn, and parks it after the sixth", async () => {
    answer = async () => new Response(null, { status: 500 });
    for (const [tries, seconds] of [1, 2, 4, 8, 16].entries()) {
      world.enqueued.length = 0;
      world.add("again", { tries, attempts: tries });
      await courier().wake(name);
      await vi.waitFor(() => expect(world.enqueued).toHaveLength(1));
      // Floored: the rest of the pause, up to a tenth, the Courier waits itself.
      expect(world.enqueued[0]?.delaySeconds).toBeGreaterThanOrEqual(seconds - 1);
      expect(world.enqueued[0]?.delaySeconds).toBeLessThanOrEqual(seconds * 1.1);
      world.deliveries.clear();
      name = crypto.randomUUID();
    }
    world.enqueued.length = 0;
    world.add("last", { tries: 5, attempts: 5 });
    await courier().wake(name);
    await vi.waitFor(() => expect(statusOf("last")).toBe("dead_letter"));
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
    await vi.waitFor(() => expect(posted).toEqual(["parked"]));
    const before = world.pulls;
    await new Promise((waited) => setTimeout(waited, 300));
    expect(world.pulls - before).toBeLessThan(5);
    answering.resolve();
    await vi.waitFor(() => expect(statusOf("parked")).toBe("delivered"));
  });

  it("takes up one dead letter of an endpoint that fails, at the probe, and the others when it answers", async () => {
    world.failingSince = Date.now() - 60_000;
    for (let count = 0; count < 25; count++) world.add(`p${count}`, { status: "dead_letter", attempts: 6, tries: 6 });
    await courier().wake(name);
    await new Promise((waited) => setTimeout(waited, 100));
    expect(posted).toEqual([]);
    world.failingSince = null;
    await courier().wake(name);
    await vi.waitFor(
      () => expect([...world.deliveries.values()].every(({ status }) => status === "delivered")).toBe(true),
      {
        timeout: 5000,
      },
    );
    expect(new Set(posted).size).toBe(posted.length);
  });

  it("disables an endpoint that is gone", async () => {
    world.add("gone");
    answer = async () => new Response(null, { status: 410 });
    await courier().wake(name);
    await vi.waitFor(() => expect(world.disabled).toContain("gone"));
    expect(statusOf("gone")).toBe("dead_letter");
  });
});
