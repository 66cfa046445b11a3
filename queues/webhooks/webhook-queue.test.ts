import { describe, expect, it } from "vitest";
import { newId } from "../../schema/ids.ts";
import type { DeadLetter } from "../../schema/dead-letter.ts";
import { consumeWebhooks } from "./consume.ts";
import { sendDue } from "./send.ts";

type Fate = "acknowledged" | { readonly retriedAfter: number } | null;

/** A message and what became of it. */
function message(body: unknown, attempts = 1) {
  const fate: { now: Fate } = { now: null };
  const one = {
    id: "m",
    timestamp: new Date(),
    attempts,
    body,
    ack: () => (fate.now = "acknowledged"),
    retry: ({ delaySeconds = 0 }: { delaySeconds?: number } = {}) => (fate.now = { retriedAfter: delaySeconds }),
  };
  return { one: one as unknown as Message, fate };
}

function due(...endpoints: string[]) {
  const deliveries = endpoints.map((endpoint_id) => ({ id: newId("delivery"), endpoint_id }));
  return { v: 1, kind: "webhook.due", id: newId("message"), region: "eu", deliveries };
}

function batchOf(...messages: Message[]): MessageBatch {
  return { queue: "domicile-webhooks-eu", messages } as unknown as MessageBatch;
}

describe("the webhook consumer", () => {
  it("wakes each Courier of a batch once, and acknowledges", async () => {
    const [a, b] = [newId("webhookEndpoint"), newId("webhookEndpoint")];
    const messages = [message(due(a, b)), message(due(a)), message(due(b))];
    const woken: string[] = [];
    await consumeWebhooks(batchOf(...messages.map(({ one }) => one)), {
      wake: async (id) => void woken.push(id),
      bury: () => Promise.reject(new Error("nothing to bury")),
    });
    expect(woken.toSorted()).toEqual([a, b].toSorted());
    expect(messages.map(({ fate }) => fate.now)).toEqual(["acknowledged", "acknowledged", "acknowledged"]);
  });

  it("brings back only the messages of a Courier that cannot be reached, later each time", async () => {
    const [well, away] = [newId("webhookEndpoint"), newId("webhookEndpoint")];
    const messages = [message(due(well)), message(due(away), 4), message(due(well, away), 30)];
    await consumeWebhooks(batchOf(...messages.map(({ one }) => one)), {
      wake: (id) => (id === away ? Promise.reject(new Error("away")) : Promise.resolve()),
      bury: () => Promise.reject(new Error("nothing to bury")),
    });
    expect(messages.map(({ fate }) => fate.now)).toEqual(["acknowledged", { retriedAfter: 8 }, { retriedAfter: 600 }]);
  });

  it("buries what is not ours, and keeps it when that cannot be", async () => {
    const poison = message({ v: 1, kind: "webhook.due", deliveries: [] });
    const buried: DeadLetter[] = [];
    const wake = () => Promise.resolve();
    await consumeWebhooks(batchOf(poison.one), { wake, bury: async (letter) => void buried.push(letter) });
    expect(poison.fate.now).toBe("acknowledged");
    expect(buried).toMatchObject([{ kind: "dead_letter", queue: "domicile-webhooks-eu", reason: "malformed" }]);
    const stubborn = message("nothing of ours");
    await consumeWebhooks(batchOf(stubborn.one), { wake, bury: () => Promise.reject(new Error("away")) });
    expect(stubborn.fate.now).toEqual({ retriedAfter: 1 });
  });
});

describe("the webhook sender", () => {
  it("says whether the queue has taken everything", async () => {
    const sent: number[] = [];
    const queue = {
      sendBatch: async (batch: Iterable<unknown>) => {
        sent.push([...batch].length);
        return {} as QueueSendBatchResponse;
      },
    };
    const messages = Array.from(
      { length: 45 },
      () => due(newId("webhookEndpoint")) as Parameters<typeof sendDue>[1][number],
    );
    expect(await sendDue(queue, messages, 0)).toBe(true);
    expect(sent).toEqual([20, 20, 5]);
    expect(await sendDue({ sendBatch: () => Promise.reject(new Error("refused")) }, messages, 3)).toBe(false);
    expect(await sendDue({ sendBatch: () => Promise.reject(new Error("not asked")) }, [], 0)).toBe(true);
  });
});
