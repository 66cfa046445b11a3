import type { DueDelivery } from "../../schema/webhooks/message.ts";
import type { EventWriterPorts } from "./ports.ts";

/**
 * Wakes the Couriers of endpoints through the queue, one delivery for each endpoint. Endpoints that are added while a message is being
 * sent go together in the next one. What the queue does not take, the sweep finds.
 */
export class WakeUps {
  readonly #enqueue: EventWriterPorts["enqueue"];
  readonly #waiting = new Map<string, DueDelivery>();
  #sending = false;

  constructor(enqueue: EventWriterPorts["enqueue"]) {
    this.#enqueue = enqueue;
  }

  /** Adds endpoints, and resolves when nothing waits any more or another call is sending. */
  async add(due: readonly DueDelivery[]): Promise<void> {
    for (const delivery of due) this.#waiting.set(delivery.endpoint_id, delivery);
    if (this.#sending) return;
    this.#sending = true;
    try {
      while (this.#waiting.size > 0) {
        const next = [...this.#waiting.values()];
        this.#waiting.clear();
        // oxlint-disable-next-line no-await-in-loop -- one message at a time
        await this.#enqueue(next);
      }
    } finally {
      this.#sending = false;
    }
  }
}
