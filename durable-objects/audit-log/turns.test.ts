import { describe, expect, it } from "vitest";
import { Turns } from "./turns.ts";

const pause = (ms: number): Promise<void> => new Promise((ended) => setTimeout(ended, ms));

describe("turns", () => {
  it("run one at a time and in order, and one that fails keeps none of the others waiting", async () => {
    const turns = new Turns(1000);
    const events: string[] = [];
    const work = (at: number) => async (): Promise<number> => {
      events.push(`begin ${at}`);
      await pause(3 - at);
      events.push(`end ${at}`);
      if (at === 1) throw new Error("failed on purpose");
      return at;
    };
    const outcomes = await Promise.allSettled([0, 1, 2].map((at) => turns.run(work(at))));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(events).toEqual(["begin 0", "end 0", "begin 1", "end 1", "begin 2", "end 2"]);
  });

  it("wait no longer than they may for one that hangs, however many came before", async () => {
    const turns = new Turns(20);
    const hanging = turns.run(() => pause(60_000));
    const others = Array.from({ length: 30 }, (_, at) => turns.run(() => pause(5).then(() => at)));
    expect(await Promise.all(others)).toEqual(Array.from({ length: 30 }, (_, at) => at));
    void hanging;
  });
});
