import { DurableObject } from "cloudflare:workers";
import type { AuditEntry } from "../../schema/audit/entry.ts";
import { openMessage, type AuditMessage, type SealingKey } from "../../schema/audit/message.ts";
import type { WriteOutcome } from "../../schema/audit/written.ts";
import type { Region } from "../../schema/regions.ts";
import { logError } from "../log-error.ts";
import type { KeyWrapping } from "./data-keys.ts";
import { GrownLogs } from "./grown-logs.ts";
import { Notary, type NotaryPorts, type Signed } from "./notary.ts";
import { Outbox } from "./outbox.ts";
import { Turns } from "./turns.ts";
import { Writer } from "./writer.ts";

/** What the log needs of its region. */
export interface AuditLogPorts extends NotaryPorts, KeyWrapping {
  readonly region: Region;
  /** The private keys that messages are sealed to, every one that may still be in a queue. */
  readonly sealingKeys: () => Promise<readonly SealingKey[]>;
  /** How long a tree that has grown may go without a signed checkpoint, in milliseconds. A busy one is signed sooner. */
  readonly checkpointMs: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Hands a message that can never be written to the dead-letter queue. */
  readonly bury: (message: AuditMessage, reason: string) => Promise<void>;
  /** Told of the writes that succeeded since it was told last: how many entries, and the longest lag. At most once in ten seconds. */
  readonly observe: (written: Written) => void;
}

/** Entries that were written. `lagMs`: from the oldest to its commit, in milliseconds, the longest of several writes. */
export interface Written {
  readonly entries: number;
  readonly lagMs: number;
}

/** What the log says of itself; since it woke, but for `outbox`. */
export interface AuditLogStats {
  readonly outbox: number;
  /** Customers whose log has grown since it was signed. */
  readonly unsigned: number;
  readonly entries: number;
  /** From the oldest entry of the last write to its commit, in milliseconds; null before the first. */
  readonly lagMs: number | null;
}

/** A write that has not ended by then no longer holds up the others, in milliseconds. Postgres refuses two at the same place. */
const lostMs = 60_000;
/** Messages of up to a hundred entries that are opened and written at once: bounds the memory of the object. */
const messagesAtOnce = 20;
/** Messages taken from the outbox at once. */
const outboxBatch = 50;
/** Logs that could not be signed after which an alarm gives up: Postgres or the bucket is away. */
const maximumFailures = 3;
/** Each report is billed: writes within this time are reported together, in milliseconds. */
const observeMs = 10_000;
/** The pause after the outbox could not be emptied, in milliseconds. */
const outboxRetryMs = 5000;

/**
 * The audit log of a region's shard: the single writer of its customers' records and trees. It alone opens what the edge sealed. Writes
 * come from the queue; what the queue did not take waits in its outbox. It can lose its memory at any time: Postgres has the records and
 * trees, and refuses a second writer at the same place.
 */
export class AuditLogObject<Env> extends DurableObject<Env> {
  readonly #ports: AuditLogPorts;
  readonly #writer: Writer;
  readonly #notary: Notary;
  readonly #outbox: Outbox;
  readonly #turns = new Turns(lostMs);
  readonly #grown: GrownLogs;
  /** Calls under way that use the store. */
  #calls = 0;
  #entries = 0;
  #lagMs: number | null = null;
  /** Writes that are not reported yet. Those after the last report are lost with the object's memory: metrics are approximate. */
  #unobserved: Written = { entries: 0, lagMs: 0 };
  #observedAt = -Infinity;

  constructor(ctx: DurableObjectState, env: Env, ports: AuditLogPorts) {
    super(ctx, env);
    this.#ports = ports;
    this.#writer = new Writer(ports.region, ports.store, ports);
    this.#notary = new Notary(ctx.storage.kv, ports);
    this.#outbox = new Outbox(ctx.storage.sql);
    this.#grown = new GrownLogs(ctx.storage.kv, ports.checkpointMs);
  }

  /** Writes the entries of messages; one outcome for each, in order. What is written already is written. Never rejects for one message's sake. */
  async write(messages: AuditMessage[]): Promise<WriteOutcome[]> {
    return this.#withStore(() => this.#writeAll(messages));
  }

  async #writeAll(messages: readonly AuditMessage[]): Promise<WriteOutcome[]> {
    const keys = await this.#ports.sealingKeys();
    const outcomes: WriteOutcome[] = [];
    for (let at = 0; at < messages.length; at += messagesAtOnce) {
      // oxlint-disable-next-line no-await-in-loop -- one write at a time, and no more in memory than that
      outcomes.push(...(await this.#writeTogether(messages.slice(at, at + messagesAtOnce), keys)));
    }
    return outcomes;
  }

  /** Keeps a message that the queue did not take; durable when this resolves. */
  async keep(message: AuditMessage): Promise<void> {
    this.#outbox.keep(message);
    await this.#wakeBy(this.#ports.now());
  }

  /** Signs a customer's tree as it is now. Rejects when Postgres or the bucket is away. */
  async checkpoint(customerId: string): Promise<Signed> {
    return this.#withStore(() => this.#sign(customerId));
  }

  async #sign(customerId: string): Promise<Signed> {
    const signed = await this.#notary.sign(customerId, await this.#writer.frontierOf(customerId));
    if (signed.kind === "signed") this.#grown.settle(customerId);
    return signed;
  }

  /** What the log says of itself. */
  async stats(): Promise<AuditLogStats> {
    return { outbox: this.#outbox.size, unsigned: this.#grown.size, entries: this.#entries, lagMs: this.#lagMs };
  }

  /** Empties the outbox and signs the logs that are due. Never rejects: what is left over is what the next alarm is for. */
  override async alarm(): Promise<void> {
    await this.#withStore(async () => {
      await this.#emptyOutbox().catch((error: unknown) => logError("audit.outbox_stuck", {}, error));
      await this.#signDue();
    });
    const now = this.#ports.now();
    if (this.#outbox.size > 0) await this.#wakeBy(now + outboxRetryMs);
    else if (this.#grown.size > 0) await this.#wakeBy(this.#grown.nextAlarm(now));
  }

  /** Runs a call that uses the store. The last one to end releases the connection: an open one keeps the object awake and billed. */
  async #withStore<T>(call: () => Promise<T>): Promise<T> {
    this.#calls += 1;
    try {
      return await call();
    } finally {
      this.#calls -= 1;
      // The caller does not wait until the connection is closed.
      if (this.#calls === 0) this.ctx.waitUntil(this.#ports.store.release());
    }
  }

  async #signDue(): Promise<void> {
    let failures = 0;
    for (const customerId of this.#grown.due(this.#ports.now())) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one after the other: this is background work
        const signed = await this.#sign(customerId);
        if (signed.kind === "tampered") this.#grown.settle(customerId);
      } catch (error) {
        logError("audit.not_signed", { customer: customerId }, error);
        // A log that cannot be signed must not keep the others from being signed.
        this.#grown.moveToEnd(customerId);
        failures += 1;
        if (failures >= maximumFailures) return;
      }
    }
  }

  async #writeTogether(messages: readonly AuditMessage[], keys: readonly SealingKey[]): Promise<WriteOutcome[]> {
    const opened = await Promise.all(messages.map((message) => openMessage(message, keys)));
    const entries = opened.flatMap((one) => (one.kind === "opened" ? one.entries : []));
    const together = await this.#append(entries);
    return Promise.all(
      opened.map(async (one): Promise<WriteOutcome> => {
        if (one.kind === "poison") return one;
        // One entry that the database refuses must not hold up those of other messages.
        return together.kind === "poison" && messages.length > 1 ? this.#append(one.entries) : together;
      }),
    );
  }

  async #emptyOutbox(): Promise<void> {
    for (;;) {
      const messages = this.#outbox.oldest(outboxBatch);
      if (messages.length === 0) return;
      // oxlint-disable-next-line no-await-in-loop -- a batch after the other
      const outcomes = await this.#writeAll(messages);
      for (const [at, message] of messages.entries()) {
        const outcome = outcomes[at] ?? { kind: "away" };
        if (outcome.kind === "poison") {
          // oxlint-disable-next-line no-await-in-loop -- there is none but for a bug or a forgery
          await this.#ports.bury(message, outcome.reason);
        }
        if (outcome.kind !== "away") this.#outbox.forget(message.id);
      }
      if (outcomes.some((outcome) => outcome.kind === "away")) return;
    }
  }

  /** Appends, one write at a time. */
  async #append(entries: readonly AuditEntry[]): Promise<WriteOutcome> {
    return entries.length === 0 ? { kind: "written" } : this.#turns.run(() => this.#appendNow(entries));
  }

  async #appendNow(entries: readonly AuditEntry[]): Promise<WriteOutcome> {
    try {
      const written = await this.#writer.write(entries);
      if (written.kind === "refused") return { kind: "poison", reason: `refused_by_database_${written.code}` };
      await this.#note(entries);
      return { kind: "written" };
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      logError("audit.not_written", { entries: entries.length, code }, error);
      return { kind: "away" };
    }
  }

  async #note(entries: readonly AuditEntry[]): Promise<void> {
    const now = this.#ports.now();
    const lagMs = Math.max(0, ...entries.map((entry) => now - entry.timestamp));
    this.#entries += entries.length;
    this.#lagMs = lagMs;
    this.#observe({ entries: entries.length, lagMs }, now);
    const added = Map.groupBy(entries, (entry) => entry.customer_id);
    const due = Array.from(added, ([customerId, own]) => this.#grown.add(customerId, own.length, now));
    await this.#wakeBy(Math.min(...due));
  }

  #observe({ entries, lagMs }: Written, now: number): void {
    const before = this.#unobserved;
    this.#unobserved = { entries: before.entries + entries, lagMs: Math.max(before.lagMs, lagMs) };
    if (now - this.#observedAt < observeMs) return;
    this.#ports.observe(this.#unobserved);
    this.#unobserved = { entries: 0, lagMs: 0 };
    this.#observedAt = now;
  }

  async #wakeBy(time: number): Promise<void> {
    const due = await this.ctx.storage.getAlarm();
    if (due === null || due > time) await this.ctx.storage.setAlarm(time);
  }
}
