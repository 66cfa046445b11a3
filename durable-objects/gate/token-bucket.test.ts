import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Tier } from "../../schema/config.ts";
import { decide, emptyLedger, type Ledger, type Verdict } from "./decide.ts";
import { limitedAt } from "./limited.ts";

const basic: Tier = {
  name: "basic",
  unlimited: false,
  recheck_seconds: 5,
  policies: [
    { name: "sec", quota: 20, window_seconds: 1 },
    { name: "min", quota: 100, window_seconds: 60 },
  ],
};
const start = 1_700_000_000_000;

/** Asks for `count` requests at `now`; how many were admitted, and the ledger after. */
function ask(before: Ledger, count: number, now: number, tier = basic) {
  let ledger = before;
  const verdicts: Verdict[] = [];
  for (let at = 0; at < count; at++) {
    const decision = decide(ledger, tier, { standing: { kind: "good" }, alreadyServed: 0 }, now);
    ledger = decision.ledger;
    verdicts.push(decision.verdict);
  }
  return { verdicts, ledger, admitted: verdicts.filter((verdict) => verdict.kind === "admitted").length };
}

/** Independent of the code: the most that any token bucket of `quota` per `window` seconds may let in over `elapsed` ms. */
function most(quota: number, window: number, elapsed: number): number {
  return Math.floor(quota + (quota * elapsed) / (window * 1000));
}

const steps = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 4000 }), count: fc.integer({ min: 1, max: 40 }) }), {
  maxLength: 60,
});

describe("token buckets", () => {
  it("admit exactly the quota in the first second of a fresh bucket, however the requests come", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 999 }), { minLength: 25, maxLength: 200 }), (offsets) => {
        let ledger = emptyLedger;
        let admitted = 0;
        const first = Math.min(...offsets);
        for (const offset of offsets.toSorted((a, b) => a - b)) {
          const asked = ask(ledger, 1, start + offset - first);
          ledger = asked.ledger;
          admitted += asked.admitted;
        }
        expect(admitted).toBe(20);
      }),
    );
  });

  it("never admit more over any span than the quota and what refills in it", () => {
    fc.assert(
      fc.property(steps, (schedule) => {
        let [ledger, now] = [emptyLedger, start];
        const admissions: { at: number; count: number }[] = [];
        for (const { wait, count } of schedule) {
          now += wait;
          const asked = ask(ledger, count, now);
          ledger = asked.ledger;
          admissions.push({ at: now, count: asked.admitted });
        }
        for (const [from, begin] of admissions.entries()) {
          let sum = 0;
          for (const { at, count } of admissions.slice(from)) {
            sum += count;
            expect(sum).toBeLessThanOrEqual(most(20, 1, at - begin.at));
            expect(sum).toBeLessThanOrEqual(most(100, 60, at - begin.at));
          }
        }
      }),
    );
  });

  it("are debited together or not at all", () => {
    fc.assert(
      fc.property(steps, (schedule) => {
        let [ledger, now] = [emptyLedger, start];
        for (const { wait, count } of schedule) {
          now += wait;
          const { verdicts, ledger: after } = ask(ledger, count, now);
          ledger = after;
          for (const verdict of verdicts) {
            if (verdict.kind !== "limited") continue;
            const { limits, violated } = limitedAt(verdict.buckets, now);
            expect(violated).toEqual(limits.filter((limit) => limit.remaining === 0).map((limit) => limit.name));
            expect(violated.length).toBeGreaterThan(0);
          }
          const levels = Object.values(ledger.buckets).map(({ level, window }) => level / window);
          expect(Math.min(...levels)).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it("admit after exactly the time that was said, and not a second before", () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 999 }), (schedule, early) => {
        let [ledger, now] = [emptyLedger, start];
        for (const { wait, count } of schedule) {
          now += wait;
          const asked = ask(ledger, count, now);
          ledger = asked.ledger;
          const last = asked.verdicts.at(-1);
          if (last?.kind !== "limited") continue;
          const { retryAfterSeconds } = limitedAt(last.buckets, now);
          expect(ask(ledger, 1, now + retryAfterSeconds * 1000).admitted).toBe(1);
          if (retryAfterSeconds > 1) {
            expect(ask(ledger, 1, now + (retryAfterSeconds - 1) * 1000 - early).admitted).toBe(0);
          }
        }
      }),
    );
  });

  it("mint nothing when a tier changes to and fro, or the clock goes back", () => {
    const small: Tier = { ...basic, policies: [{ name: "min", quota: 10, window_seconds: 60 }] };
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 30 }), fc.integer({ min: 0, max: 100_000 }), (flips, back) => {
        let { ledger } = ask(emptyLedger, 5, start);
        let admitted = 0;
        for (const flip of flips) {
          const asked = ask(ledger, 50, start - back, flip ? small : basic);
          ledger = asked.ledger;
          admitted += asked.admitted;
        }
        // What the second still held, and once the small tier's ten: each flip more would add to that.
        expect(admitted).toBeLessThanOrEqual(15 + 10);
      }),
    );
  });
});
