import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { LocalQueue, type Consumer, type Deliver, type QueueMetrics, type QueueOperations } from "./local-queue.ts";
import type { ContentType, StoredMessage } from "./message.ts";

/** A message as it is sent. */
export interface Sent {
  readonly contentType: ContentType;
  readonly body: Uint8Array;
  readonly delaySeconds: number;
}

/** Throws where the queue refuses on purpose. */
export class QueueRefuses extends Error {
  override readonly name = "QueueRefuses";
}

/**
 * The queues of the platform on one machine. They live in the process that starts the Workers and in files, not in workerd: kill -9 of the
 * Workers loses nothing that was acknowledged, as on Cloudflare (docs/decisions/0010-local-queues.md).
 */
export class Broker {
  readonly #folder: string;
  readonly #queues = new Map<string, LocalQueue>();
  readonly #refusing = new Set<string>();
  /** Every body that was ever accepted, base64, by queue; null: nobody asked for them. */
  readonly history: Map<string, string[]> | null;

  constructor(folder: string, options: { readonly keepsHistory?: boolean } = {}) {
    this.#folder = folder;
    this.history = options.keepsHistory === true ? new Map() : null;
  }

  /** Takes messages in; they are stored when this returns. Throws `QueueRefuses` where it was told to. */
  send(queue: string, messages: readonly Sent[]): void {
    if (this.#refusing.has(queue)) throw new QueueRefuses();
    const now = Date.now();
    this.#take(
      queue,
      messages.map(({ contentType, body, delaySeconds }) => ({
        id: randomBytes(16).toString("hex"),
        timestamp: now,
        contentType,
        body: Buffer.from(body).toString("base64"),
        attempts: 0,
        due: now + delaySeconds * 1000,
      })),
    );
  }

  /** Begins to deliver a queue's messages. */
  consume(queue: string, consumer: Consumer, deliver: Deliver): void {
    this.#queue(queue).consume(consumer, deliver, (dead) => {
      if (consumer.deadLetterQueue !== undefined) this.#take(consumer.deadLetterQueue, dead);
    });
  }

  /** Stops delivering: its consumers are going away. Resolves when no batch is under way. */
  async stop(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.stop()));
  }

  /** Holds a queue's messages back, or lets them go. */
  pause(queue: string, paused: boolean): void {
    this.#queue(queue).pause(paused);
  }

  /** Lets every send to a queue fail, or none. */
  refuse(queue: string, refusing: boolean): void {
    if (refusing) this.#refusing.add(queue);
    else this.#refusing.delete(queue);
  }

  /** Every message that waits in a queue. */
  peek(queue: string): readonly StoredMessage[] {
    return this.#queue(queue).messages;
  }

  /** What a queue says of itself. */
  metrics(queue: string): QueueMetrics {
    return this.#queue(queue).metrics();
  }

  /** The billable operations of all queues since the broker was made. */
  operations(): QueueOperations {
    const all = Array.from(this.#queues.values(), (queue) => queue.operations);
    const sum = (kind: keyof QueueOperations): number => all.reduce((total, one) => total + one[kind], 0);
    return { written: sum("written"), read: sum("read"), deleted: sum("deleted") };
  }

  #take(queue: string, messages: readonly StoredMessage[]): void {
    const bodies = this.history?.get(queue) ?? [];
    this.history?.set(queue, bodies);
    for (const { body } of this.history === null ? [] : messages) bodies.push(body);
    this.#queue(queue).take(messages);
  }

  #queue(name: string): LocalQueue {
    const found = this.#queues.get(name) ?? new LocalQueue(name, join(this.#folder, `${name}.journal`));
    this.#queues.set(name, found);
    return found;
  }
}
