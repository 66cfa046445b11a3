import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Buckets } from "../../schema/admission.ts";
import type { Policy, Tier } from "../../schema/config.ts";
import { decide, emptyLedger, type Ledger } from "./decide.ts";
import { leaseSize, restore, type LedgerRow } from "./lease.ts";

const start = 1_700_000_000_000;
const basic = tier([
  { name: "sec", quota: 20, window_seconds: 1 },
  { name: "min", quota: 100, window_seconds: 60 },
]);
const small = tier([{ name: "min", quota: 10, window_seconds: 60 }]);
const slow = tier([{ name: "day", quota: 1000, window_seconds: 86_400 }]);

function tier(policies: Policy[], unlimited = false): Tier {
  return { name: "tier", unlimited, recheck_seconds: 5, policies };
}

/** A Gate with its storage: it can crash, and it counts the rows that it writes. */
class Gate {
  ledger: Ledger = emptyLedger;
  stored: LedgerRow | null = null;
  rows = 0;

  ask(now: number, of: Tier, alreadyServed = 0): boolean {
    const { verdict, ledger, row } = decide(this.ledger, of, { standing: { kind: "good" }, alreadyServed }, now);
    this.ledger = ledger;
    if (row !== null) {
      this.stored = row;
      this.rows += 1;
    }
    return verdict.kind === "admitted";
  }

  /** How many of `count` requests are admitted. */
  askFor(count: number, now: number, of: Tier): number {
    return Array.from({ length: count }, () => this.ask(now, of)).filter(Boolean).length;
  }

  crash(now: number): void {
    if (this.stored === null) this.ledger = emptyLedger;
    else this.ledger = { buckets: restore(this.stored, now), usage: this.stored.usage, row: null };
  }
}

/** Tokens in a bucket. Independent of when it was last counted. */
function tokens(buckets: Buckets, name: string, now: number): number {
  const bucket = buckets[name];
  if (bucket === undefined) return Number.NaN;
  const { quota, window, level, asOf } = bucket;
  return Math.min(quota, level / (window * 1000) + (Math.max(0, now - asOf) / 1000) * (quota / window));
}

/** Independent of the code: an exact token bucket, which never crashes. */
class ExactBucket {
  readonly #policy: Policy;
  #level: number;
  #asOf: number;

  constructor(policy: Policy, now: number) {
    this.#policy = policy;
    this.#level = policy.quota;
    this.#asOf = now;
  }

  /** The level after paying for one request. */
  debit(now: number): number {
    const { quota, window_seconds: window } = this.#policy;
    this.#level = Math.min(quota, this.#level + ((now - this.#asOf) / 1000) * (quota / window)) - 1;
    this.#asOf = now;
    return this.#level;
  }
}

// Often less than one bucket refills while the other one empties, so that each of the two decides when a row is due.
const stepModel = {
  wait: fc.oneof(fc.nat(2000), fc.nat(15_000)),
  count: fc.oneof(fc.nat(9), fc.nat(40)),
  served: fc.nat(3),
  crash: fc.nat(3).map((one) => one === 0),
};
const crashing = fc.array(fc.record(stepModel), { maxLength: 60 });

describe("a Gate that crashes", () => {
  it("never admits a request that the exact buckets would not pay for", () => {
    fc.assert(
      fc.property(crashing, (schedule) => {
        const gate = new Gate();
        const exact = basic.policies.map((policy) => new ExactBucket(policy, start));
        let now = start;
        for (const { wait, count, crash } of schedule) {
          now += wait;
          if (crash) gate.crash(now);
          for (let at = 0; at < count; at++) {
            // A crash between two requests: the second one is decided from what the first one stored.
            if (crash && at % 7 === 3) gate.crash(now);
            if (!gate.ask(now, basic)) continue;
            for (const bucket of exact) expect(bucket.debit(now)).toBeGreaterThanOrEqual(-1e-6);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("never admits more over any span than the quota and what refills in it, with debts among the requests", () => {
    fc.assert(
      fc.property(crashing, (schedule) => {
        const gate = new Gate();
        const admissions: { at: number; count: number }[] = [];
        let now = start;
        for (const { wait, count, served, crash } of schedule) {
          now += wait;
          if (crash) gate.crash(now);
          if (served > 0) gate.ask(now, basic, served);
          admissions.push({ at: now, count: gate.askFor(count, now, basic) });
        }
        for (const [from, begin] of admissions.entries()) {
          let sum = 0;
          for (const { at, count } of admissions.slice(from)) {
            sum += count;
            expect(sum).toBeLessThanOrEqual(Math.floor(20 + (20 * (at - begin.at)) / 1000));
            expect(sum).toBeLessThanOrEqual(Math.floor(100 + (100 * (at - begin.at)) / 60_000));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("comes back with no more than it had, at any time, whatever the tier was changed to meanwhile", () => {
    const other = fc.constantFrom(small, slow, tier([]), tier([], true));
    const anyTier = fc.oneof({ weight: 9, arbitrary: fc.constant(basic) }, { weight: 1, arbitrary: other });
    const step = fc.record({ ...stepModel, of: anyTier });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 0, max: 100_000 }), (steps, later) => {
        const gate = new Gate();
        let now = start;
        for (const { wait, count, of, served, crash } of steps) {
          now += wait;
          if (crash) gate.crash(now);
          gate.ask(now, of, served);
          gate.askFor(count, now, of);
          if (gate.stored === null) continue;
          for (const time of [now, now + later]) {
            const restored = restore(gate.stored, time);
            for (const name of Object.keys(gate.ledger.buckets)) {
              // A bucket that was never debited need not be stored: it comes back full.
              const after = restored[name] === undefined ? Infinity : tokens(restored, name, time);
              const had = tokens(gate.ledger.buckets, name, time);
              expect(Math.min(after, gate.ledger.buckets[name]?.quota ?? 0)).toBeLessThanOrEqual(had + 1e-6);
            }
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("loses at most the lease of each bucket, and has it back within ten seconds", () => {
    fc.assert(
      fc.property(crashing, fc.constantFrom(basic, small, slow), (schedule, of) => {
        const gate = new Gate();
        let now = start;
        for (const { wait, count } of schedule) {
          now += wait;
          gate.askFor(count, now, of);
        }
        const before = gate.ledger.buckets;
        gate.crash(now);
        for (const { name, quota } of of.policies) {
          if (before[name] === undefined || gate.stored === null) continue;
          const had = tokens(before, name, now);
          expect(tokens(gate.ledger.buckets, name, now)).toBeGreaterThanOrEqual(had - leaseSize(of.policies) - 1e-6);
          const lateEnough = tokens(gate.ledger.buckets, name, now + 10_000);
          expect(lateEnough).toBeGreaterThanOrEqual(Math.min(had, quota) - 1e-6);
        }
      }),
    );
  });

  it("starves no slow client that is evicted between any two requests", () => {
    const gate = new Gate();
    let admitted = 0;
    for (let at = 0; at < 1000; at++) {
      const now = start + at * 100_000;
      gate.crash(now);
      admitted += gate.askFor(1, now, slow);
    }
    expect(admitted).toBe(1000);
  });

  it("mints nothing when its clock goes back at a restart, and locks nobody out", () => {
    const restarts = fc.array(fc.record({ back: fc.integer({ min: 0, max: 3_600_000 }), wait: fc.nat(20_000) }), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(restarts, (schedule) => {
        const gate = new Gate();
        const exact = basic.policies.map((policy) => new ExactBucket(policy, start));
        let [time, clock] = [start, start];
        const spend = (count: number): number => {
          let admitted = 0;
          for (let at = 0; at < count; at++) {
            if (!gate.ask(clock, basic)) continue;
            admitted += 1;
            for (const bucket of exact) expect(bucket.debit(time)).toBeGreaterThanOrEqual(-1e-6);
          }
          return admitted;
        };
        for (const { back, wait } of schedule) {
          spend(200);
          [time, clock] = [time + wait, clock + wait - back];
          gate.crash(clock);
        }
        [time, clock] = [time + 30_000, clock + 30_000];
        expect(spend(1)).toBe(1);
      }),
    );
  });
});

describe("the rows that a Gate writes", () => {
  it("are at most one for a lease of requests, however fast they come", () => {
    const lease = leaseSize(basic.policies);
    expect(lease).toBe(10);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 100, maxLength: 300 }), (waits) => {
        const gate = new Gate();
        let [now, admitted] = [start, 0];
        for (const wait of waits) {
          now += wait;
          admitted += gate.askFor(1, now, basic);
        }
        expect(gate.rows).toBeLessThanOrEqual(1 + Math.floor(admitted / (lease + 1)));
      }),
    );
  });

  it("are one for a hundred requests of a client that spends less than what refills", () => {
    const gate = new Gate();
    for (let at = 0; at < 1000; at++) gate.ask(start + at * 10_000, basic);
    expect(gate.rows).toBe(10);
  });

  it("leave at most a hundred requests of an unlimited tier uncounted", () => {
    const gate = new Gate();
    const unlimited = tier([], true);
    for (let at = 0; at < 1000; at++) {
      gate.ask(start + at, unlimited);
      expect(gate.ledger.usage - (gate.stored?.usage ?? 0)).toBeLessThan(100);
    }
    expect(gate.ledger.usage).toBe(1000);
    expect(gate.rows).toBe(10);
  });

  it("include one as soon as a policy has changed, and before a new bucket is spent from", () => {
    const gate = new Gate();
    gate.askFor(5, start, small);
    expect(gate.rows).toBe(3);
    gate.askFor(1, start, basic);
    expect(tokens(gate.stored?.buckets ?? {}, "sec", start)).toBe(19);
    // Converted, and nothing spent: the request is limited.
    const emptied = tier([
      { name: "sec", quota: 20, window_seconds: 1 },
      { name: "min", quota: 1, window_seconds: 60 },
    ]);
    gate.askFor(30, start, basic);
    gate.askFor(1, start, emptied);
    expect(gate.stored?.buckets["min"]?.quota).toBe(1);
  });
});

describe("the size of a lease", () => {
  it("is half of the smallest quota, no more than refills in ten seconds, and nothing without policies", () => {
    expect(leaseSize(basic.policies)).toBe(10);
    expect(leaseSize(small.policies)).toBe(1);
    expect(leaseSize(slow.policies)).toBe(0);
    expect(leaseSize([])).toBe(0);
  });
});
