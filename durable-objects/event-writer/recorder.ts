import type { AuditEntry } from "../../schema/audit/entry.ts";
import { logError } from "../log-error.ts";
import type { EventWriterPorts } from "./ports.ts";

interface Waiting {
  readonly entry: AuditEntry;
  readonly settle: (recorded: boolean) => void;
}

/**
 * Sends audit records of requests. Those that are added while others are being sent go together in the next messages: sealing and
 * sending one costs as much as accepting an event.
 */
export class Recorder {
  readonly #record: EventWriterPorts["record"];
  #waiting: Waiting[] = [];
  #sending = false;

  constructor(record: EventWriterPorts["record"]) {
    this.#record = record;
  }

  /** Adds a record; resolves to whether it is durable. */
  add(entry: AuditEntry): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.push({ entry, settle: resolve });
    if (!this.#sending) void this.#send();
    return promise;
  }

  /** The ids of records that are durable. Without them the requests are recorded by the region. */
  async #durableOf(batch: readonly Waiting[]): Promise<ReadonlySet<string>> {
    try {
      return await this.#record(batch.map(({ entry }) => entry));
    } catch (error) {
      logError("events.not_recorded", { entries: batch.length }, error);
      return new Set();
    }
  }

  async #send(): Promise<void> {
    this.#sending = true;
    // Requests of one commit continue in one turn: the others add theirs before the first message is made.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      // oxlint-disable-next-line no-await-in-loop -- one batch at a time is what makes groups
      const durable = await this.#durableOf(batch);
      for (const { entry, settle } of batch) settle(durable.has(entry.id));
    }
    this.#sending = false;
  }
}
