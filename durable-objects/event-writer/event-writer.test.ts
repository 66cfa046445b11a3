import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { entryNamed, eventNamed, eventWorld as world } from "../test-worker/event-world.ts";
import { eventually } from "../test-worker/eventually.ts";
import { EventWriterClient } from "./client.ts";
import type { SealedEvent } from "./event.ts";

let name: string;

beforeEach(() => {
  world.reset();
  name = crypto.randomUUID();
});

function writer() {
  return env.EVENTS.getByName(name);
}

/** The verdicts of events whose request is not recorded. */
async function accept(...events: SealedEvent[]) {
  return (await writer().accept(events, null)).verdicts;
}

function ids(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `e${at}`);
}

describe("the event writer", () => {
  it("commits what arrives during a commit in the next one, in order", async () => {
    const holding = Promise.withResolvers<void>();
    world.hold = holding.promise;
    const first = accept(eventNamed("first"));
    await eventually(() => expect(world.statements).toEqual([["first"]]));
    const others = ids(50).map((id) => accept(eventNamed(id)));
    await new Promise((resolve) => setTimeout(resolve, 50));
    holding.resolve();
    const verdicts = await Promise.all([first, ...others]);
    expect(verdicts.flat().map(({ kind }) => kind)).toEqual(Array.from({ length: 51 }, () => "accepted"));
    expect(world.statements).toEqual([["first"], ids(50)]);
  });

  it("returns a verdict for each event of a call, in order", async () => {
    const verdicts = await accept(eventNamed("a"), eventNamed("b", { userId: "nobody" }), eventNamed("c"));
    expect(verdicts).toMatchObject([
      { kind: "accepted", id: "a" },
      { kind: "unknown_user" },
      { kind: "accepted", id: "c" },
    ]);
    expect([...world.committed.keys()]).toEqual(["a", "c"]);
  });

  it("takes at most 200 events into one commit", async () => {
    const verdicts = await accept(...ids(450).map((id) => eventNamed(id)));
    expect(verdicts).toHaveLength(450);
    expect(world.statements.map((statement) => statement.length)).toEqual([200, 200, 50]);
  });

  it("takes at most 4 MB into one commit, and an event that is larger by itself", async () => {
    const large = { payload: new Uint8Array(1_500_000) };
    const huge = { payload: new Uint8Array(4_500_000) };
    await accept(eventNamed("a", large), eventNamed("b", large), eventNamed("c", large), eventNamed("d", huge));
    expect(world.statements).toEqual([["a", "b"], ["c"], ["d"]]);
  });

  it("commits the others when Postgres refuses a statement because of one event", async () => {
    world.poisonous.add("e5");
    const verdicts = await accept(...ids(16).map((id) => eventNamed(id)));
    expect(verdicts.filter(({ kind }) => kind === "accepted")).toHaveLength(15);
    expect(verdicts[5]).toEqual({ kind: "refused", code: "22P05" });
    expect([...world.committed.keys()]).toEqual(ids(16).filter((id) => id !== "e5"));
  });

  it("finds out what became of a commit whose answer was lost", async () => {
    world.state = "lost after the commit";
    expect(await accept(eventNamed("a"))).toMatchObject([{ kind: "accepted", id: "a" }]);
    expect(world.statements).toEqual([["a"], ["a"]]);
  });

  it("answers unavailable within seconds while Postgres cannot be reached, and accepts again after", async () => {
    world.state = "unreachable";
    const began = Date.now();
    expect(await accept(eventNamed("a"))).toEqual([{ kind: "unavailable" }]);
    expect(Date.now() - began).toBeLessThan(4000);
    expect(await writer().dataKey("cus")).toEqual({ kind: "unavailable" });
    world.state = "available";
    expect(await accept(eventNamed("b"))).toMatchObject([{ kind: "accepted" }]);
    expect([...world.committed.keys()]).toEqual(["b"]);
  });

  it("takes no more than it has room for", async () => {
    const holding = Promise.withResolvers<void>();
    world.hold = holding.promise;
    const first = accept(eventNamed("first"));
    await eventually(() => expect(world.statements).toHaveLength(1));
    const waiting = accept(...ids(4000).map((id) => eventNamed(id)));
    expect(await accept(eventNamed("late"))).toEqual([{ kind: "unavailable" }]);
    holding.resolve();
    expect((await Promise.all([first, waiting])).flat().every(({ kind }) => kind === "accepted")).toBe(true);
    expect(world.committed.has("late")).toBe(false);
  });

  it("holds up no other event for one whose rows another transaction holds", async () => {
    world.held.add("held");
    const held = accept(eventNamed("held"));
    await eventually(() => expect(world.statements.length).toBeGreaterThan(0));
    expect(await accept(eventNamed("free"))).toMatchObject([{ kind: "accepted" }]);
    world.held.clear();
    expect(await held).toMatchObject([{ kind: "accepted", id: "held" }]);
  });

  it("answers unavailable for an event that stays held, and has not committed it", async () => {
    world.held.add("held");
    expect(await accept(eventNamed("held"), eventNamed("free"))).toMatchObject([
      { kind: "unavailable" },
      { kind: "accepted" },
    ]);
    expect([...world.committed.keys()]).toEqual(["free"]);
  });

  it("wakes each endpoint once for the commits that were made while a message was sent", async () => {
    await accept(eventNamed("a"), eventNamed("b"));
    await eventually(() => expect(world.enqueued).toEqual([["whe"]]));
  });
});

describe("the audit records of requests", () => {
  it("are sent in groups when their events are committed, and name the event of a request with one", async () => {
    const request = (id: string, ...events: SealedEvent[]) => writer().accept(events, entryNamed(id));
    const holding = Promise.withResolvers<void>();
    world.hold = holding.promise;
    const first = request("r1", eventNamed("a"));
    await eventually(() => expect(world.statements).toEqual([["a"]]));
    const others = [
      request("r2", eventNamed("b"), eventNamed("c")),
      request("r3", eventNamed("d", { userId: "nobody" })),
      request("r4", eventNamed("e", { userId: "nobody" }), eventNamed("f")),
    ];
    await new Promise((resolve) => setTimeout(resolve, 50));
    holding.resolve();
    const results = await Promise.all([first, ...others]);
    expect(results.map(({ recorded }) => recorded)).toEqual([true, true, false, true]);
    expect(world.records).toEqual([["r1 a"], ["r2 null", "r4 null"]]);
  });

  it("are reported one by one when only some of their messages are durable", async () => {
    world.unrecorded.add("r2");
    const holding = Promise.withResolvers<void>();
    world.hold = holding.promise;
    const requests = ["r1", "r2", "r3"].map((id) => writer().accept([eventNamed(`event of ${id}`)], entryNamed(id)));
    await eventually(() => expect(world.statements).toHaveLength(1));
    holding.resolve();
    const results = await Promise.all(requests);
    expect(results.map(({ recorded }) => recorded)).toEqual([true, false, true]);
  });

  it("that cannot be stored are reported, and the events are committed all the same", async () => {
    world.unrecorded.add("all");
    expect(await writer().accept([eventNamed("a")], entryNamed("r1"))).toMatchObject({
      verdicts: [{ kind: "accepted" }],
      recorded: false,
    });
  });
});

describe("a call of the event writer", () => {
  it("is repeated when the object dies during it, and the event is there once", async () => {
    world.state = "dies after the commit";
    const client = new EventWriterClient(writer);
    expect(await client.accept([eventNamed("a")], null)).toMatchObject({ verdicts: [{ kind: "accepted", id: "a" }] });
    expect(world.statements).toEqual([["a"], ["a"]]);
    expect([...world.committed.keys()]).toEqual(["a"]);
  });

  it("answers unavailable when the writer cannot be reached", async () => {
    let calls = 0;
    const broken = () => {
      calls += 1;
      return Promise.reject(new Error("the object is unavailable"));
    };
    const client = new EventWriterClient(() => ({ accept: broken, dataKey: broken }));
    const { verdicts } = await client.accept([eventNamed("a"), eventNamed("b")], null);
    expect(verdicts).toEqual([{ kind: "unavailable" }, { kind: "unavailable" }]);
    expect(calls).toBe(4);
  });

  it("is not repeated for an overloaded object", async () => {
    let calls = 0;
    const overloaded = () => {
      calls += 1;
      return Promise.reject(Object.assign(new Error("too many requests"), { overloaded: true }));
    };
    const client = new EventWriterClient(() => ({ accept: overloaded, dataKey: overloaded }));
    expect(await client.dataKey("cus")).toEqual({ kind: "unavailable" });
    expect(calls).toBe(1);
  });
});
