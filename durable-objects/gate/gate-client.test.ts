import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Admission } from "./admission.ts";
import { GateClient } from "./gate-client.ts";
import { admitted, deferred, other, proof, refused, scripted, unlimited } from "../test-worker/scripted-gate.ts";

describe("one request", () => {
  it("makes one call of its own, also while another is under way", async () => {
    const gate = deferred();
    const asked = Array.from({ length: 40 }, () => gate.ask());
    expect(gate.calls).toHaveLength(40);
    await gate.resolve(39, admitted(3));
    expect((await asked[39])?.kind).toBe("admitted");
    for (let at = 0; at < 39; at++) await gate.resolve(at, admitted(3));
    await Promise.all(asked);
    expect(gate.calls).toHaveLength(40);
  });

  it("is refused when it comes after a sign-out, whatever was answered before", async () => {
    let signedOut = false;
    const gate = scripted(() => (signedOut ? refused : admitted(3)));
    expect((await gate.ask()).kind).toBe("admitted");
    signedOut = true;
    expect((await gate.ask()).kind).toBe("refused");
  });
});

describe("a Gate that cannot be reached", () => {
  it("is replaced by the last known state of the key, which counts down and never refills, and then learns of it", async () => {
    let broken = false;
    const gate = scripted(() => {
      if (broken) throw new Error("gone");
      return admitted(3);
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

  it("is never replaced by more than what was left, in whatever order calls were answered", async () => {
    // A Gate with ten tokens, whose answers come in any order; then it fails.
    const orders = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(orders, fc.integer({ min: 1, max: 3 }), async (order, rounds) => {
        const gate = deferred();
        let left = 30;
        for (let round = 0; round < rounds; round++) {
          const first = gate.calls.length;
          const asked = Array.from({ length: 8 }, () => gate.ask());
          const answers = asked.map(() => admitted((left -= 1)));
          const rest = [0, 1, 2, 3, 4, 5, 6, 7].filter((at) => !order.includes(at));
          for (const at of [...order, ...rest]) await gate.resolve(first + at, answers[at] ?? refused);
          await Promise.all(asked);
        }
        const first = gate.calls.length;
        const asked = Array.from({ length: 40 }, () => gate.ask());
        for (let at = 0; at < 40; at++) await gate.resolve(first + at, { kind: "unavailable", retryAfterSeconds: 2 });
        const kinds = (await Promise.all(asked)).map((answer) => answer.kind);
        expect(kinds.filter((kind) => kind === "admitted").length).toBeLessThanOrEqual(left);
        expect(kinds).toContain("admitted");
      }),
    );
  });

  it("does not give back what was counted down when a call of before is answered late", async () => {
    const gate = deferred();
    const first = gate.ask();
    await gate.resolve(0, admitted(2));
    await first;
    const [slow, failed] = [gate.ask(), gate.ask()];
    await gate.resolve(2, { kind: "unavailable", retryAfterSeconds: 1 });
    expect((await failed).kind).toBe("admitted");
    await gate.resolve(1, admitted(2, 2));
    await slow;
    const kinds: Admission["kind"][] = [];
    for (let at = 3; at < 6; at++) {
      const asked = gate.ask();
      await gate.resolve(at, { kind: "unavailable", retryAfterSeconds: 1 });
      kinds.push((await asked).kind);
    }
    // Two were left when the Gate had decided the slow one. It may not know of the failed one yet, which was served.
    expect(kinds.filter((kind) => kind === "admitted").length).toBeLessThanOrEqual(1);
  });

  it("is closed for a key that nothing is known of, by an object that really dies", async () => {
    const stub = env.BROKEN.getByName("any");
    const client = new GateClient({ stubFor: () => stub, now: () => Date.now() });
    expect(await client.admit("usr_1", proof, () => undefined)).toMatchObject({ kind: "unavailable" });
  });

  it("is not waited for longer than it may take", async () => {
    const gate = scripted(() => new Promise(() => undefined));
    expect((await gate.ask()).kind).toBe("unavailable");
    expect((await gate.ask()).kind).toBe("unavailable");
  });
});

describe("an unlimited principal", () => {
  it("is asked about once in its time, and refreshed behind the answer at half of it", async () => {
    const gate = scripted(() => unlimited);
    for (let at = 0; at < 100; at++) await gate.ask();
    expect(gate.calls).toHaveLength(1);
    gate.clock.now += 2600;
    await gate.ask();
    await gate.ask();
    await Promise.all(gate.behind);
    expect(gate.calls).toHaveLength(2);
    expect(gate.calls[1]?.alreadyServed).toBe(99);
  });

  it("has every request counted once, also when a refresh fails", async () => {
    let broken = false;
    let counted = 0;
    const gate = scripted(({ alreadyServed }) => {
      if (broken) throw new Error("gone");
      counted += 1 + alreadyServed;
      return { ...unlimited, usage: counted };
    });
    for (let at = 0; at < 60; at++) {
      broken = at >= 20 && at < 40;
      expect((await gate.ask()).kind).toBe("admitted");
      await Promise.all(gate.behind.splice(0));
      gate.clock.now += 700;
    }
    gate.clock.now += 5000;
    await gate.ask();
    expect(counted).toBe(61);
  });

  it("is not served longer after a revocation than its recheck time, counted from when the Gate was asked", async () => {
    let revoked = false;
    const gate = scripted(() => {
      // The answer takes a second.
      gate.clock.now += 1000;
      return revoked ? refused : unlimited;
    });
    await gate.ask();
    revoked = true;
    gate.clock.now += 4000;
    expect((await gate.ask()).kind).toBe("refused");
  });
});
