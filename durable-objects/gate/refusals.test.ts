import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Refusal } from "../../schema/admission.ts";
import { Refusals } from "./refusals.ts";
import {
  admitted,
  deferred,
  facts,
  limited,
  limits,
  other,
  proof,
  refused,
  scripted,
  unlimited,
} from "../test-worker/scripted-gate.ts";

describe("a remembered refusal", () => {
  it("of a used-up quota is answered without a call, counts down, and ends when the bucket can pay again", async () => {
    const gate = scripted(() => limited(gate.clock.now - 123));
    const seen: (readonly [number, number | undefined])[] = [];
    for (let second = 0; second < 5; second++) {
      const answer = await gate.ask();
      if (answer.kind !== "limited") throw new Error("the quota is used up");
      seen.push([answer.retryAfterSeconds, answer.limits[0]?.remaining]);
      expect(answer).toMatchObject({ facts, violated: ["min"] });
      expect(answer.limits[0]?.reset_seconds).toBe(1);
      gate.clock.now += 1000;
    }
    expect(seen).toEqual([
      [6, 0],
      [5, 0],
      [4, 0],
      [3, 0],
      [2, 0],
    ]);
    expect(gate.calls).toHaveLength(1);
    // A tier may have been raised: five seconds are the most.
    await gate.ask();
    expect(gate.calls).toHaveLength(2);
  });

  it("of a used-up quota ends with the tick that brings the next token", async () => {
    const ticking = {
      ...limited(0),
      buckets: { sec: { quota: 20, window: 1, level: 15_000, asOf: 750, granted: 0, tickAt: 0 } },
      at: 750,
    };
    const gate = scripted(() => (gate.calls.length > 1 ? admitted(14) : ticking));
    expect(await gate.ask()).toMatchObject({ kind: "limited", retryAfterSeconds: 1 });
    gate.clock.now += 249;
    expect((await gate.ask()).kind).toBe("limited");
    gate.clock.now += 1;
    expect((await gate.ask()).kind).toBe("admitted");
  });

  it("tells no client to come back too early, whatever the clocks, the delay and the bucket", async () => {
    const bucket = fc.record({
      quota: fc.integer({ min: 1, max: 100 }),
      window: fc.integer({ min: 1, max: 120 }),
      // Of one token, in thousandths: less than one is left.
      part: fc.integer({ min: 0, max: 999 }),
      sinceTick: fc.integer({ min: 0, max: 999 }),
    });
    const times = fc.record({ skew: fc.integer({ min: -9999, max: 9999 }), delay: fc.nat(2000), later: fc.nat(4999) });
    await fc.assert(
      fc.asyncProperty(bucket, times, async ({ quota, window, part, sinceTick }, { skew, delay, later }) => {
        const decidedAt = 5_000_000;
        const level = part * window;
        const state = { quota, window, level, asOf: decidedAt, granted: level, tickAt: decidedAt - sinceTick };
        const gate = scripted(() => {
          gate.clock.now += delay;
          return { kind: "limited", repeatForMs: 5000, facts, buckets: { b: state }, at: decidedAt, usage: 1 };
        });
        gate.clock.now = decidedAt + skew;
        await gate.ask();
        gate.clock.now += later;
        const answer = await gate.ask();
        if (answer.kind !== "limited" || gate.calls.length > 1) return;
        // Independent of the code: what the bucket holds after the time that the client was told, by the Gate's clock.
        const waited = delay + later + answer.retryAfterSeconds * 1000;
        const lastTick = Math.floor((sinceTick + waited) / 1000) * 1000 - sinceTick;
        expect(level + lastTick * quota).toBeGreaterThanOrEqual(window * 1000);
      }),
    );
  });

  it("can be passed on: the edge that gets it from the region counts down from there and for no longer", async () => {
    const region = scripted(() => limited(123_456));
    await region.ask();
    region.clock.now += 2000;
    const answer = await region.ask();
    if (answer.kind !== "limited" || answer.refusal === null) throw new Error("there is nothing to pass on");
    const passedOn = JSON.parse(JSON.stringify(answer.refusal)) as Refusal;
    const edge = new Refusals();
    edge.remember(proof, passedOn, 0);
    expect(edge.find(proof, 0)).toMatchObject({ kind: "limited", facts, retryAfterSeconds: 4 });
    expect(edge.find(proof, 2999)).toMatchObject({ kind: "limited", retryAfterSeconds: 2 });
    expect(edge.find(proof, 3000)).toBeNull();
  });

  it("of a proof is repeated for as long as the Gate says, and of no other proof", async () => {
    const gate = scripted(({ proof: by }) => (by === other ? admitted(3) : refused));
    expect((await gate.ask()).kind).toBe("refused");
    gate.clock.now += 59_999;
    expect((await gate.ask()).kind).toBe("refused");
    expect(gate.calls).toHaveLength(1);
    expect((await gate.ask(other)).kind).toBe("admitted");
    gate.clock.now += 1;
    await gate.ask();
    expect(gate.calls).toHaveLength(3);
  });

  it("of what may be good again soon is not repeated", async () => {
    let renewed = false;
    const gate = scripted(() => (renewed ? admitted(3) : { kind: "refused", repeatForMs: 0 }));
    expect((await gate.ask()).kind).toBe("refused");
    renewed = true;
    expect((await gate.ask()).kind).toBe("admitted");
  });

  it("is not lifted by an older answer that arrives later, not even while the Gate cannot be reached", async () => {
    const gate = deferred();
    const [first, second, late] = [gate.ask(), gate.ask(), gate.ask()];
    await gate.resolve(2, refused);
    expect((await late).kind).toBe("refused");
    await gate.resolve(0, { ...unlimited, limits: limits(3) });
    await gate.resolve(1, limited(gate.clock.now));
    expect([(await first).kind, (await second).kind]).toEqual(["admitted", "limited"]);
    expect((await gate.ask()).kind).toBe("refused");
    gate.clock.now += 60_000;
    expect((await gate.ask()).kind).toBe("unavailable");
  });
});
