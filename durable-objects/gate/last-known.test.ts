import { describe, expect, it } from "vitest";
import type { GateFacts, Proof } from "../../schema/admission.ts";
import { LastKnown } from "./last-known.ts";

const facts: GateFacts = { type: "user", id: "usr_1", customer_id: "cus_1", role: "owner", tier: "ci" };
const first: Proof = { kind: "session", sessionId: "ses_1" };
const second: Proof = { kind: "session", sessionId: "ses_2" };
const learned = { facts, limits: [], usage: 1, reuseForMs: 5000 };

describe("what an isolate remembers of an unlimited principal", () => {
  it("forgets a session in its own time, however busy another session of the user is", () => {
    const known = new LastKnown();
    known.learn(known.begin(0), first, learned);
    for (let now = 0; now <= 4999; now += 1000) known.learn(known.begin(now), second, learned);
    expect(known.reuse(second, 5000)).not.toBeNull();
    expect(known.reuse(first, 4999)).not.toBeNull();
    expect(known.reuse(first, 5000)).toBeNull();
  });

  it("has each session refreshed once, whatever the refresh of another", () => {
    const known = new LastKnown();
    for (const proof of [first, second]) known.learn(known.begin(0), proof, learned);
    const due = [first, second, first, second].map((proof) => known.reuse(proof, 2500)?.refreshDue);
    expect(due).toEqual([true, true, false, false]);
  });

  it("goes on without the Gate for a minute from the last call about that very session", () => {
    const known = new LastKnown();
    known.learn(known.begin(0), first, learned);
    known.learn(known.begin(50_000), second, learned);
    expect(known.fallBack(first, 60_001).kind).toBe("unavailable");
    expect(known.fallBack(second, 60_001).kind).toBe("admitted");
  });
});
