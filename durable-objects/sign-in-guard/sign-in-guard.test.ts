import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { accountPolicy } from "./policy.ts";

describe("the sign-in guard", () => {
  it("allows ten guesses, also when they come at once, and then says how long to wait", async () => {
    const guard = env.GUARD.getByName("account:a");
    const verdicts = await Promise.all(Array.from({ length: 25 }, () => guard.take(accountPolicy)));
    expect(verdicts.filter((verdict) => verdict.kind === "allowed")).toHaveLength(10);
    expect(verdicts.at(-1)).toEqual({ kind: "limited", retryAfterSeconds: 30 });
  });

  it("gives a right guess back", async () => {
    const guard = env.GUARD.getByName("account:b");
    for (let at = 0; at < 30; at++) {
      expect(await guard.take(accountPolicy)).toEqual({ kind: "allowed" });
      await guard.refund(accountPolicy);
    }
  });

  it("remembers nothing once its bucket is full again", async () => {
    const guard = env.GUARD.getByName("account:c");
    await guard.take(accountPolicy);
    expect(await runDurableObjectAlarm(guard)).toBe(true);
    const kept = await runInDurableObject(guard, (_object, state) => [...state.storage.kv.list()].length);
    expect(kept).toBe(0);
  });
});
