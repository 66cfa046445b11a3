import type { WebhookMessage } from "../../schema/webhooks/message.ts";

/** Messages that one call of the queue takes: far below its 256 KB. */
const maximumBatch = 20;

/** Sends messages, to be delivered after a delay in whole seconds; resolves to whether the queue has all of them. */
export async function sendDue(
  queue: Pick<Queue, "sendBatch">,
  messages: readonly WebhookMessage[],
  delaySeconds: number,
): Promise<boolean> {
  try {
    for (let at = 0; at < messages.length; at += maximumBatch) {
      const batch = messages.slice(at, at + maximumBatch);
      // oxlint-disable-next-line no-await-in-loop -- there is more than one only when the sweeper finds very many
      await queue.sendBatch(
        batch.map((body) => ({ body, contentType: "json" as const })),
        { delaySeconds },
      );
    }
    return true;
  } catch (error) {
    const name = error instanceof Error ? error.name : typeof error;
    console.warn(
      JSON.stringify({ level: "warn", event: "webhooks.queue_refused", messages: messages.length, error: name }),
    );
    return false;
  }
}
