import { describe, expect, it } from "vitest";
import { hasFailedTooLong, nextStep, parkedPause, retryPausesMs } from "./policy.ts";
import type { Posted } from "./post.ts";

const now = 1_000_000;
const fresh = { tries: 0, rounds: 0, parked: false };

function answer(change: Partial<Posted>): Posted {
  return { statusCode: 500, error: "status", retryAfterMs: null, excerpt: null, durationMs: 1, ...change };
}

describe("what follows a try", () => {
  it("is nothing after a success", () => {
    const step = nextStep({ ...fresh, tries: 3 }, answer({ statusCode: 204, error: null }), now, 0.5);
    expect(step).toMatchObject({ status: "delivered", nextAttemptAt: null, redriveAt: null, tries: 0 });
  });

  it("is another after 1, 2, 4, 8 and 16 s, with up to 10 % more, and then the dead letter", () => {
    for (const [tries, pause] of retryPausesMs.entries()) {
      expect(nextStep({ ...fresh, tries }, answer({}), now, 0).nextAttemptAt).toBe(now + pause);
      const late = nextStep({ ...fresh, tries }, answer({}), now, 0.999).nextAttemptAt ?? 0;
      expect(late - now).toBeGreaterThan(pause);
      expect(late - now).toBeLessThanOrEqual(pause * 1.1);
    }
    expect(retryPausesMs).toEqual([1000, 2000, 4000, 8000, 16_000]);
    expect(nextStep({ ...fresh, tries: 5 }, answer({}), now, 0)).toMatchObject({
      status: "dead_letter",
      nextAttemptAt: null,
      redriveAt: now + 15_000,
      tries: 6,
    });
  });

  it("waits as long as the receiver asks, up to an hour, and never shorter than its own pause", () => {
    const after = (retryAfterMs: number) =>
      nextStep({ ...fresh, tries: 1 }, answer({ retryAfterMs }), now, 0).nextAttemptAt;
    expect(after(30_000)).toBe(now + 30_000);
    expect(after(500)).toBe(now + 2000);
    expect(after(86_400_000)).toBe(now + 3_600_000);
  });

  it("is the dead letter at once after 410, and for one that was parked", () => {
    expect(nextStep(fresh, answer({ statusCode: 410 }), now, 0)).toMatchObject({ status: "dead_letter", gone: true });
    const again = nextStep({ tries: 6, rounds: 2, parked: true }, answer({}), now, 0);
    expect(again).toMatchObject({ status: "dead_letter", gone: false, rounds: 3, redriveAt: now + 60_000 });
  });

  it("comes later each time, to an hour", () => {
    expect([0, 1, 2, 3].map(parkedPause)).toEqual([15_000, 30_000, 60_000, 120_000]);
    expect(parkedPause(8)).toBe(3_600_000);
    expect(parkedPause(1000)).toBe(3_600_000);
  });

  it("disables after 120 hours without a success", () => {
    const hours = (count: number): number => count * 3_600_000;
    expect(hasFailedTooLong(null, now)).toBe(false);
    expect(hasFailedTooLong(now, now + hours(119.9))).toBe(false);
    expect(hasFailedTooLong(now, now + hours(120))).toBe(true);
  });
});
