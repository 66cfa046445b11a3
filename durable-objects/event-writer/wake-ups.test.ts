import { describe, expect, it } from "vitest";
import { WakeUps } from "./wake-ups.ts";

function due(...endpoints: string[]) {
  return endpoints.map((endpoint_id) => ({ id: `d-${endpoint_id}`, endpoint_id }));
}

describe("wake-ups", () => {
  it("send what is added during a message in the next one, each endpoint once", async () => {
    const sending = Promise.withResolvers<void>();
    const sent: string[][] = [];
    const wakeUps = new WakeUps(async (deliveries) => {
      sent.push(deliveries.map(({ endpoint_id }) => endpoint_id));
      await sending.promise;
      return true;
    });
    const first = wakeUps.add(due("a", "b"));
    await Promise.all([wakeUps.add(due("c")), wakeUps.add(due("c", "a")), wakeUps.add(due("d"))]);
    expect(sent).toEqual([["a", "b"]]);
    sending.resolve();
    await first;
    expect(sent).toEqual([
      ["a", "b"],
      ["c", "a", "d"],
    ]);
  });

  it("go on after the queue refused a message", async () => {
    const sent: string[][] = [];
    const wakeUps = new WakeUps(async (deliveries) => {
      sent.push(deliveries.map(({ endpoint_id }) => endpoint_id));
      return false;
    });
    await wakeUps.add(due("a"));
    await wakeUps.add(due("b"));
    expect(sent).toEqual([["a"], ["b"]]);
  });
});
