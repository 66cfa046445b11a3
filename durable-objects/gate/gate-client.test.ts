import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { AdmitAnswer, AdmitCall, LimitState, Proof } from "../../schema/admission.ts";
import { GateClient } from "./gate-client.ts";

const proof: Proof = { kind: "session", sessionId: "one" };
const other: Proof = { kind: "session", sessionId: "two" };
const limits = (remaining: number): LimitState[] => [
  { name: "min", quota: 100, window_seconds: 60, remaining, reset_seconds: 1 },
];
const keepAlive = { waitUntil: (promise: Promise<unknown>): void => void promise.catch(() => undefined) };

/** A Gate whose answers a test decides, and which notes how it was called. */
function scripted(answer: (call: AdmitCall) => Promise<AdmitAnswer>) {
  const calls: AdmitCall[] = [];
  const clock = { now: 1_000_000 };
  const admit = (call: AdmitCall): Promise<AdmitAnswer> => {
    calls.push(call);
    return answer(call);
  };
  const client = new GateClient({ stubFor: () => ({ admit }), now: () => clock.now, timeoutMs: 50 });
  return { client, calls, clock, ask: (by = proof) => client.admit("us", "usr_1", by, keepAlive) };
}

function decided(call: AdmitCall, change: Partial<Extract<AdmitAnswer, { kind: "decided" }>> = {}): AdmitAnswer {
  return {
    kind: "decided",
    facts: { type: "user", id: "usr_1", customer_id: "cus_1", role: "member", tier: "basic" },
    verdicts: call.proofs.map(() => ({ kind: "admitted", limits: limits(3) })),
    usage: 1,
    reuseForMs: 0,
    ...change,
  };
}

describe("the way to a Gate", () => {
  it("is shared by requests that come while a call is under way", async () => {
    const gate = scripted(async (call) => {
      await new Promise((resolved) => setTimeout(resolved, 10));
      return decided(call);
    });
    const answers = await Promise.all(Array.from({ length: 40 }, () => gate.ask()));
    expect(answers.every((answer) => answer.kind === "admitted")).toBe(true);
    // One call for the first, one for those that waited; where the machine is busy some come too late for it, and ask by themselves.
    const sizes = gate.calls.map((call) => call.proofs.length);
    expect(sizes.slice(0, 2)).toEqual([1, 39]);
    expect(sizes.length).toBeLessThan(20);
  });

  it("asks anew for a request that comes after a call was answered", async () => {
    let signedOut = false;
    const gate = scripted(async (call) =>
      decided(call, signedOut ? { verdicts: call.proofs.map(() => ({ kind: "refused" })) } : {}),
    );
    expect((await gate.ask()).kind).toBe("admitted");
    signedOut = true;
    expect((await gate.ask()).kind).toBe("refused");
  });

  it("gives each request its own verdict", async () => {
    const gate = scripted(async (call) => {
      await new Promise((resolved) => setTimeout(resolved, 5));
      return decided(call, {
        verdicts: call.proofs.map((by) =>
          by === other ? { kind: "refused" } : { kind: "admitted", limits: limits(1) },
        ),
      });
    });
    const kinds = await Promise.all([gate.ask(), gate.ask(other), gate.ask()]);
    expect(kinds.map((answer) => answer.kind)).toEqual(["admitted", "refused", "admitted"]);
  });

  it("counts down from the last known state of a key while its Gate cannot be reached, and never refills", async () => {
    let broken = false;
    const gate = scripted(async (call) => {
      if (broken) throw new Error("gone");
      return decided(call);
    });
    await gate.ask();
    broken = true;
    const kinds: string[] = [];
    for (let at = 0; at < 5; at++) {
      gate.clock.now += 5000;
      kinds.push((await gate.ask()).kind);
    }
    expect(kinds).toEqual(["admitted", "admitted", "admitted", "limited", "limited"]);
    expect((await gate.ask(other)).kind).toBe("unavailable");
    gate.clock.now += 60_000;
    expect((await gate.ask()).kind).toBe("unavailable");
    broken = false;
    await gate.ask();
    expect(gate.calls.at(-1)?.alreadyServed).toBe(3);
  });

  it("is closed for a key that nothing is known of, by an object that really dies", async () => {
    const stub = env.BROKEN.getByName("any");
    const client = new GateClient({ stubFor: () => stub, now: () => Date.now() });
    expect(await client.admit("us", "usr_1", proof, keepAlive)).toMatchObject({ kind: "unavailable" });
  });

  it("does not wait for a Gate that hangs longer than it may", async () => {
    const gate = scripted(() => new Promise(() => undefined));
    expect((await gate.ask()).kind).toBe("unavailable");
    expect((await gate.ask()).kind).toBe("unavailable");
  });

  it("asks about an unlimited principal once in its time, and refreshes behind the answer at half of it", async () => {
    const gate = scripted(async (call) =>
      decided(call, { reuseForMs: 5000, verdicts: call.proofs.map(() => ({ kind: "admitted", limits: [] })) }),
    );
    for (let at = 0; at < 100; at++) await gate.ask();
    expect(gate.calls).toHaveLength(1);
    gate.clock.now += 2600;
    await gate.ask();
    await gate.ask();
    expect(gate.calls).toHaveLength(2);
    expect(gate.calls[1]?.alreadyServed).toBe(99);
  });

  it("stops serving a revoked unlimited key within its recheck time", async () => {
    let revoked = false;
    const gate = scripted(async (call) =>
      decided(call, {
        reuseForMs: 5000,
        verdicts: call.proofs.map(() => (revoked ? { kind: "refused" } : { kind: "admitted", limits: [] })),
      }),
    );
    await gate.ask();
    revoked = true;
    gate.clock.now += 5000;
    expect((await gate.ask()).kind).toBe("refused");
  });
});
