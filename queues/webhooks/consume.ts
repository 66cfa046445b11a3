import type { DeadLetter } from "../../schema/dead-letter.ts";
import { webhookMessageSchema } from "../../schema/webhooks/message.ts";
import { deadLetterOf } from "../dead-letters/send.ts";

/** What the consumer reaches. */
export interface WebhookConsumerPorts {
  /** Tells the Courier of an endpoint that something is due; resolves when it will see to it, whatever happens. */
  readonly wake: (endpointId: string) => Promise<void>;
  /** Resolves when the dead-letter queue has it. */
  readonly bury: (letter: DeadLetter) => Promise<unknown>;
}

/** The longest a message waits before it is tried again, in seconds. */
const maximumDelaySeconds = 600;

/**
 * Wakes the Couriers of a batch, each once, and acknowledges each message when all of its Couriers are awake. It posts nothing itself: an
 * endpoint that is slow holds up no message of another.
 */
export async function consumeWebhooks(batch: MessageBatch, ports: WebhookConsumerPorts): Promise<void> {
  const endpointsOf = new Map<Message, readonly string[]>();
  const poison: Message[] = [];
  for (const message of batch.messages) {
    const parsed = webhookMessageSchema.safeParse(message.body);
    if (parsed.success)
      endpointsOf.set(
        message,
        parsed.data.deliveries.map((delivery) => delivery.endpoint_id),
      );
    else poison.push(message);
  }
  const endpoints = [...new Set([...endpointsOf.values()].flat())];
  const results = await Promise.allSettled(endpoints.map((id) => ports.wake(id)));
  const asleep = new Set(endpoints.filter((_, at) => results[at]?.status === "rejected"));
  for (const id of asleep)
    console.error(JSON.stringify({ level: "error", event: "courier.unreachable", endpoint: id }));
  for (const [message, ids] of endpointsOf) {
    if (ids.some((id) => asleep.has(id))) message.retry({ delaySeconds: delayOf(message.attempts) });
    else message.ack();
  }
  await Promise.all(poison.map((message) => bury(message, batch.queue, ports)));
}

async function bury(message: Message, queue: string, ports: WebhookConsumerPorts): Promise<void> {
  try {
    await ports.bury(deadLetterOf(message, queue, "malformed"));
    message.ack();
  } catch (error) {
    const name = error instanceof Error ? error.name : typeof error;
    console.error(JSON.stringify({ level: "error", event: "webhooks.not_buried", queue, error: name }));
    message.retry({ delaySeconds: delayOf(message.attempts) });
  }
}

/** 1, 2, 4, … seconds, to ten minutes. */
function delayOf(attempts: number): number {
  return Math.min(2 ** Math.max(0, attempts - 1), maximumDelaySeconds);
}
