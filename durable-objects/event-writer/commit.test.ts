import { describe, expect, it } from "vitest";
import { eventNamed } from "../test-worker/event-world.ts";
import { commit, inDoubtMs, unreachableMs, type Clock } from "./commit.ts";
import type { Attempt, EventStore } from "./ports.ts";

/** A clock that stands still but for pauses. */
function clockAt(): Clock & { time: number } {
  const clock = {
    time: 0,
    now: () => clock.time,
    pause: async (ms: number) => {
      clock.time += ms;
    },
  };
  return clock;
}

function storeOf(next: (attempt: number, ids: string[]) => Attempt): EventStore & { readonly attempts: string[][] } {
  const attempts: string[][] = [];
  return {
    attempts,
    commit: async (events) => {
      const ids = events.map(({ id }) => id);
      attempts.push(ids);
      return next(attempts.length, ids);
    },
    dataKey: () => Promise.reject(new Error("not asked for")),
    release: () => Promise.reject(new Error("not asked for")),
  };
}

function accepted(ids: readonly string[]): Attempt {
  const outcomes = ids.map((id) => ({
    kind: "accepted" as const,
    id,
    createdAt: 0,
    deliveries: 0,
    deliveryId: null,
    repeated: false,
  }));
  return { kind: "committed", outcomes, due: [] };
}

const events = ["a", "b", "c", "d"].map((id) => eventNamed(id));

describe("a commit", () => {
  it("gives up after two seconds when no statement was ever sent", async () => {
    const clock = clockAt();
    const store = storeOf(() => ({ kind: "unavailable", inDoubt: false }));
    const { outcomes } = await commit(events, store, clock);
    expect(outcomes).toEqual(events.map(() => ({ kind: "unavailable" })));
    expect(clock.time).toBeGreaterThanOrEqual(unreachableMs);
    expect(clock.time).toBeLessThan(unreachableMs + 1000);
  });

  it("goes on for longer when a statement that was sent may have been committed", async () => {
    const clock = clockAt();
    const outage = unreachableMs * 3;
    const store = storeOf((attempt, ids) =>
      clock.time < outage ? { kind: "unavailable", inDoubt: attempt === 1 } : accepted(ids),
    );
    const { outcomes } = await commit(events, store, clock);
    expect(outcomes.every(({ kind }) => kind === "accepted")).toBe(true);
    expect(clock.time).toBeLessThan(inDoubtMs);
  });

  it("gives up on what stays in doubt", async () => {
    const clock = clockAt();
    const { outcomes } = await commit(
      events,
      storeOf(() => ({ kind: "unavailable", inDoubt: true })),
      clock,
    );
    expect(outcomes.every(({ kind }) => kind === "unavailable")).toBe(true);
    expect(clock.time).toBeGreaterThanOrEqual(inDoubtMs);
  });

  it("isolates every event that Postgres refuses, and keeps the order of the others", async () => {
    const bad = new Set(["b", "d"]);
    const store = storeOf((_, ids) =>
      ids.some((id) => bad.has(id)) ? { kind: "refused", code: "22003" } : accepted(ids),
    );
    const { outcomes } = await commit(events, store, clockAt());
    expect(outcomes).toMatchObject([
      { kind: "accepted", id: "a" },
      { kind: "refused", code: "22003" },
      { kind: "accepted", id: "c" },
      { kind: "refused", code: "22003" },
    ]);
    expect(store.attempts).toEqual([["a", "b", "c", "d"], ["a", "b"], ["a"], ["b"], ["c", "d"], ["c"], ["d"]]);
  });
});
