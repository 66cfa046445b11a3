import { describe, expect, it } from "vitest";
import { decide, emptyLedger } from "../durable-objects/gate/decide.ts";
import { LastKnown } from "../durable-objects/gate/last-known.ts";
import { restore } from "../durable-objects/gate/lease.ts";
import { remaining, type Buckets } from "../durable-objects/gate/token-bucket.ts";
import type { GateFacts, Proof } from "../schema/admission.ts";
import type { Tier } from "../schema/config.ts";

const facts: GateFacts = { type: "user", id: "usr_1", customer_id: "cus_1", role: "owner", tier: "ci" };
const first: Proof = { kind: "session", sessionId: "ses_1" };
const second: Proof = { kind: "session", sessionId: "ses_2" };
const told = { usage: 1, reuseForMs: 5000 };

describe("what an isolate remembers of an unlimited principal", () => {
  it("forgets a session in its own time, however busy another session of the user is", () => {
    const known = new LastKnown();
    known.learn(first, facts, { kind: "admitted", limits: [] }, told, 0);
    for (let now = 0; now <= 4999; now += 1000) {
      known.learn(second, facts, { kind: "admitted", limits: [] }, told, now);
    }
    expect(known.reuse(second, 5000)).not.toBeNull();
    expect(known.reuse(first, 4999)).not.toBeNull();
    expect(known.reuse(first, 5000)).toBeNull();
  });

  it("has each session refreshed once, whatever the refresh of another", () => {
    const known = new LastKnown();
    for (const proof of [first, second]) known.learn(proof, facts, { kind: "admitted", limits: [] }, told, 0);
    const due = [first, second, first, second].map((proof) => known.reuse(proof, 2500)?.refreshDue);
    expect(due).toEqual([true, true, false, false]);
  });

  it("goes on without the Gate for a minute from the last answer about that very session", () => {
    const known = new LastKnown();
    known.learn(first, facts, { kind: "admitted", limits: [] }, told, 0);
    known.learn(second, facts, { kind: "admitted", limits: [] }, told, 50_000);
    expect(known.fallBack(first, 60_001).kind).toBe("unavailable");
    expect(known.fallBack(second, 60_001).kind).toBe("admitted");
  });
});

describe("a tier that changes under a lease", () => {
  const tier = (policies: Tier["policies"]): Tier => ({
    name: "t",
    unlimited: policies.length === 0,
    recheck_seconds: 5,
    policies,
  });
  const always = (): boolean => true;
  const old = tier([{ name: "old", quota: 100, window_seconds: 60 }]);

  it("stores a new bucket before anything is spent from it", () => {
    const leased = decide(emptyLedger, old, [first], always, 0, 0).ledger;
    expect(leased.lease.left).toBeGreaterThan(0);
    const fresh = tier([{ name: "new", quota: 1, window_seconds: 60 }]);
    const { stored } = decide(leased, fresh, [first], always, 0, 1);
    expect(left(stored?.buckets, "new")).toBe(0);
  });

  it("spends no lease that was taken before an unlimited time", () => {
    const leased = decide(emptyLedger, old, [first], always, 0, 0).ledger;
    const unlimited = decide(leased, tier([]), [first], always, 0, 1).ledger;
    const { ledger, stored } = decide(unlimited, old, [first], always, 0, 2);
    expect(left(stored?.buckets, "old")).toBeLessThanOrEqual(left(ledger.buckets, "old"));
  });

  function left(buckets: Buckets | undefined, name: string): number {
    const bucket = buckets && restore(buckets, 2)[name];
    if (bucket === undefined) throw new Error(`the bucket "${name}" was not stored`);
    return remaining(bucket);
  }
});
