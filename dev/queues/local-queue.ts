import { Journal } from "./journal.ts";
import type { StoredMessage } from "./message.ts";

/** How a queue is consumed, as wrangler has it. Times in seconds. */
export interface Consumer {
  readonly maxBatchSize?: number | undefined;
  readonly maxBatchTimeout?: number | undefined;
  readonly maxRetries?: number | undefined;
  readonly retryDelay?: number | undefined;
  readonly deadLetterQueue?: string | undefined;
}

/** What a consumer said of a batch (workerd's `FetcherQueueResult`). */
export interface BatchResult {
  readonly outcome: string;
  readonly ackAll: boolean;
  readonly retryBatch: { readonly retry: boolean; readonly delaySeconds?: number };
  readonly explicitAcks: readonly string[];
  readonly retryMessages: readonly { readonly msgId: string; readonly delaySeconds?: number }[];
}

/** Hands a batch to the consumer; rejects when there is no consumer to be reached, and then nothing was delivered. */
export type Deliver = (queue: string, messages: readonly StoredMessage[]) => Promise<BatchResult>;

/** What a queue says of itself; `oldestMessageTimestamp` in epoch milliseconds, 0 for an empty queue. */
export interface QueueMetrics {
  readonly backlogCount: number;
  readonly backlogBytes: number;
  readonly oldestMessageTimestamp: number;
}

/** Operations as Cloudflare bills them (https://developers.cloudflare.com/queues/platform/pricing/). */
export interface QueueOperations {
  readonly written: number;
  /** Each delivery of a message, those that are repeated included. */
  readonly read: number;
  readonly deleted: number;
}

/** A message is one operation for each 64,000 bytes, about 100 bytes of metadata included. */
const operationBytes = 64_000;
const metadataBytes = 100;

/** The pause before a consumer that could not be reached is tried again, in milliseconds. */
const unreachableMs = 200;

/** One queue: what waits, and the loop that delivers it, a batch after the other. */
export class LocalQueue {
  readonly #name: string;
  readonly #journal: Journal;
  #consumer: Consumer | null = null;
  #deliver: Deliver | null = null;
  #bury: (dead: readonly StoredMessage[]) => void = () => undefined;
  #paused = false;
  #timer: NodeJS.Timeout | null = null;
  #underWay: Promise<void> | null = null;
  #operations: QueueOperations = { written: 0, read: 0, deleted: 0 };

  constructor(name: string, file: string) {
    this.#name = name;
    this.#journal = new Journal(file);
  }

  get messages(): readonly StoredMessage[] {
    return [...this.#journal.messages.values()];
  }

  take(messages: readonly StoredMessage[]): void {
    this.#journal.put(messages);
    this.#count("written", messages);
    this.#wake();
  }

  consume(consumer: Consumer, deliver: Deliver, bury: (dead: readonly StoredMessage[]) => void): void {
    this.#consumer = consumer;
    this.#deliver = deliver;
    this.#bury = bury;
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#deliver = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#underWay;
  }

  pause(paused: boolean): void {
    this.#paused = paused;
    this.#wake();
  }

  metrics(): QueueMetrics {
    const [oldest] = this.#journal.messages.values();
    return {
      backlogCount: this.#journal.messages.size,
      backlogBytes: this.#journal.bytes,
      oldestMessageTimestamp: oldest?.timestamp ?? 0,
    };
  }

  /** The operations since this queue was opened. */
  get operations(): QueueOperations {
    return this.#operations;
  }

  #count(kind: keyof QueueOperations, messages: readonly StoredMessage[]): void {
    const operations = messages.map(({ body }) =>
      Math.ceil((Buffer.byteLength(body, "base64") + metadataBytes) / operationBytes),
    );
    const sum = operations.reduce((total, one) => total + one, 0);
    this.#operations = { ...this.#operations, [kind]: this.#operations[kind] + sum };
  }

  /** Sets the clock for the next batch: when it is full, when its oldest message has waited long enough, or when one is due. */
  #wake(atLeastMs = 0): void {
    if (this.#deliver === null || this.#paused || this.#underWay !== null) return;
    const { maxBatchSize = 10, maxBatchTimeout = 5 } = this.#consumer ?? {};
    const now = Date.now();
    let ready = 0;
    let next = Infinity;
    for (const { due } of this.#journal.messages.values()) {
      if (due <= now) ready += 1;
      next = Math.min(next, due <= now ? due + maxBatchTimeout * 1000 : due);
      if (ready >= maxBatchSize) break;
    }
    if (next === Infinity) return;
    const delay = Math.max(ready >= maxBatchSize ? 0 : next - now, atLeastMs, 0);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#begin(), delay);
  }

  #begin(): void {
    this.#timer = null;
    const deliver = this.#deliver;
    if (deliver === null || this.#paused || this.#underWay !== null) return;
    let reached = true;
    this.#underWay = this.#batch(deliver)
      .catch(() => {
        // Nobody was there: nothing was delivered, and it counts for nothing.
        reached = false;
      })
      .finally(() => {
        this.#underWay = null;
        this.#wake(reached ? 0 : unreachableMs);
      });
  }

  async #batch(deliver: Deliver): Promise<void> {
    const now = Date.now();
    const { maxBatchSize = 10, maxRetries = 3, retryDelay = 0 } = this.#consumer ?? {};
    const batch: StoredMessage[] = [];
    for (const message of this.#journal.messages.values()) {
      if (message.due <= now) batch.push(message);
      if (batch.length >= maxBatchSize) break;
    }
    if (batch.length === 0) return;
    const result = await deliver(this.#name, batch);
    this.#count("read", batch);
    const retryAll = result.retryBatch.retry || (result.outcome !== "ok" && !result.ackAll);
    const retried = new Map(result.retryMessages.map(({ msgId, delaySeconds }) => [msgId, delaySeconds]));
    const acked = new Set(result.explicitAcks);
    const again = batch.filter(({ id }) => !acked.has(id) && (retryAll || retried.has(id)));
    const failed = again.map((message) => {
      const delay = retried.get(message.id) ?? result.retryBatch.delaySeconds ?? retryDelay;
      return Object.assign({}, message, { attempts: message.attempts + 1, due: Date.now() + delay * 1000 });
    });
    const dead = failed.filter(({ attempts }) => attempts > maxRetries);
    this.#bury(dead.map((message) => Object.assign({}, message, { attempts: 0, due: Date.now() })));
    this.#journal.put(failed.filter(({ attempts }) => attempts <= maxRetries));
    const kept = new Set(failed.filter(({ attempts }) => attempts <= maxRetries).map(({ id }) => id));
    const removed = batch.filter(({ id }) => !kept.has(id));
    this.#count("deleted", removed);
    this.#journal.remove(removed.map(({ id }) => id));
  }
}
