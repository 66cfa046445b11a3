import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Proof } from "../../schema/admission.ts";
import type { Tier } from "../../schema/config.ts";
import { decide, emptyLedger, type Ledger } from "./decide.ts";
import { noLease, restore } from "./lease.ts";

const basic: Tier = {
  name: "basic",
  unlimited: false,
  recheck_seconds: 5,
  policies: [
    { name: "sec", quota: 20, window_seconds: 1 },
    { name: "min", quota: 100, window_seconds: 60 },
  ],
};
const proof: Proof = { kind: "secret", hash: "h" };
const start = 1_700_000_000_000;

/** Asks for `count` requests at `now`; how many came in, and the ledger after. */
function ask(ledger: Ledger, count: number, now: number, tier = basic) {
  const decision = decide(
    ledger,
    tier,
    Array.from({ length: count }, () => proof),
    () => true,
    0,
    now,
  );
  const admitted = decision.verdicts.filter((verdict) => verdict.kind === "admitted").length;
  return { ...decision, admitted };
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
            if (verdict.kind === "refused") throw new Error("nobody is refused here");
            const empty = verdict.limits.filter((limit) => limit.remaining === 0).map((limit) => limit.name);
            if (verdict.kind === "limited") expect(verdict.violated).toEqual(empty);
          }
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
          expect(ask(ledger, 1, now + last.retryAfterSeconds * 1000).admitted).toBe(1);
          if (last.retryAfterSeconds > 1) {
            expect(ask(ledger, 1, now + (last.retryAfterSeconds - 1) * 1000 - early).admitted).toBe(0);
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

describe("debit ahead", () => {
  it("never admits more than a bucket that never crashed, wherever the object dies", () => {
    const crashing = fc.array(
      fc.record({
        wait: fc.integer({ min: 0, max: 7000 }),
        count: fc.integer({ min: 1, max: 30 }),
        served: fc.integer({ min: 0, max: 3 }),
        crash: fc.boolean(),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(crashing, (schedule) => {
        let [ledger, now, stored] = [emptyLedger, start, emptyLedger];
        const admissions: { at: number; count: number }[] = [];
        for (const { wait, count, served, crash } of schedule) {
          now += wait;
          if (crash) ledger = { ...stored, buckets: restore(stored.buckets, now), lease: noLease };
          const decision = decide(
            ledger,
            basic,
            Array.from({ length: count }, () => proof),
            () => true,
            served,
            now,
          );
          ledger = decision.ledger;
          if (decision.stored) stored = { ...decision.stored, lease: noLease };
          admissions.push({
            at: now,
            count: decision.verdicts.filter((verdict) => verdict.kind === "admitted").length,
          });
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
      { numRuns: 500 },
    );
  });

  it("writes once for a lease, not once for a request", () => {
    let ledger = emptyLedger;
    let writes = 0;
    for (let at = 0; at < 20; at++) {
      const asked = ask(ledger, 1, start + at * 10);
      ledger = asked.ledger;
      if (asked.stored) writes += 1;
    }
    expect(writes).toBeLessThanOrEqual(10);
    expect(writes).toBeGreaterThan(0);
  });
});
