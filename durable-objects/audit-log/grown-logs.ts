/** A log that gets this many records between two checkpoints is busy. */
const busyRecords = 1000;
/** A busy log is signed at most this often, and an object signs at most this often, in milliseconds. */
const busyMs = 300_000;

interface Grown {
  /** When the first record after the last checkpoint was written, epoch milliseconds. */
  readonly since: number;
  /** Records since then, as far as this object remembers: an eviction makes a busy log a quiet one again. */
  records: number;
}

/**
 * The logs of a shard that have grown since they were signed, and when each is due for its next checkpoint. A checkpoint is two writes to the
 * bucket and five rows, so a quiet log gets one after `checkpointMs`, and a busy one after five minutes: what a checkpoint costs is
 * spread over 1,000 records or an hour.
 */
export class GrownLogs {
  readonly #kv: SyncKvStorage;
  readonly #checkpointMs: number;
  readonly #busyMs: number;
  readonly #logs = new Map<string, Grown>();

  /** `checkpointMs`: how long a log that has grown may go without a checkpoint, in milliseconds. */
  constructor(kv: SyncKvStorage, checkpointMs: number) {
    this.#kv = kv;
    this.#checkpointMs = checkpointMs;
    this.#busyMs = Math.min(busyMs, checkpointMs);
    // Before the time was stored, the value was `true`: such a log is due at once.
    for (const [key, since] of kv.list<number | true>({ prefix: "grown:" }))
      this.#logs.set(key.slice("grown:".length), { since: since === true ? 0 : since, records: 0 });
  }

  /** How many logs have grown. */
  get size(): number {
    return this.#logs.size;
  }

  /** Notes that `records` were written to a log. Returns when the log is due, epoch milliseconds. */
  add(customerId: string, records: number, now: number): number {
    const known = this.#logs.get(customerId);
    const grown = known ?? { since: now, records: 0 };
    grown.records += records;
    if (known === undefined) {
      this.#logs.set(customerId, grown);
      this.#kv.put(`grown:${customerId}`, grown.since);
    }
    return this.#dueAt(grown);
  }

  /** The logs that are due by `now`, those that waited longest first. */
  due(now: number): string[] {
    return Array.from(this.#logs).flatMap(([customerId, grown]) => (this.#dueAt(grown) <= now ? [customerId] : []));
  }

  /** When to look again, epoch milliseconds. Logs that become due soon after each other are signed by one alarm. */
  nextAlarm(now: number): number {
    const due = Array.from(this.#logs.values(), (grown) => this.#dueAt(grown));
    return Math.max(now + this.#busyMs, Math.min(...due));
  }

  /** Forgets a log: it is signed as it is, or never will be. */
  settle(customerId: string): void {
    if (this.#logs.delete(customerId)) this.#kv.delete(`grown:${customerId}`);
  }

  /** Lets the other logs be signed before this one. */
  moveToEnd(customerId: string): void {
    const grown = this.#logs.get(customerId);
    if (grown === undefined || !this.#logs.delete(customerId)) return;
    this.#logs.set(customerId, grown);
  }

  #dueAt({ since, records }: Grown): number {
    return since + (records >= busyRecords ? this.#busyMs : this.#checkpointMs);
  }
}
