import type { AuditEntry } from "../../schema/audit/entry.ts";
import { maximumEntries, sealMessage, type AuditMessage, type SealingKey } from "../../schema/audit/message.ts";
import { shardOf } from "../../schema/shard.ts";
import { newId } from "../../schema/ids.ts";
import type { Region } from "../../schema/regions.ts";

/** What the sender reaches. */
export interface AuditSenderPorts {
  /** The region's audit queue; resolves when the queue has the message. */
  readonly send: (region: Region, message: AuditMessage) => Promise<unknown>;
  /** The outbox in the region's jurisdiction; resolves when the message is stored. Null: there is none to be reached. */
  readonly keep: ((region: Region, message: AuditMessage) => Promise<void>) | null;
  readonly keyOf: (region: Region) => Promise<SealingKey>;
  /** How many `AuditLog` objects share a region's customers. */
  readonly shards: number;
}

const encoder = new TextEncoder();

type WaitUntil = (promise: Promise<unknown>) => void;

/** For how long an entry waits for others to be packed with, in milliseconds. */
const packMs = 1000;
/** How long queue and outbox may each take, in milliseconds. */
const sendMs = 3000;
/** Entries of a message have this many bytes of JSON at most: sealed and in Base64 they stay in one 64 KB operation of the queue. */
const maximumBytes = 44_000;
/** Pauses between tries for entries that nobody waits for, in milliseconds: together less than the 30 s of `waitUntil`. */
const pausesMs = [500, 2000, 6000];

/** Entries that wait to be sent in one message. `since`: when the first of them came, epoch milliseconds. */
interface Pack {
  readonly entries: AuditEntry[];
  readonly since: number;
}

/**
 * Packs entries of many requests into messages for each region and shard, seals them, and hands them to the queue, or to the outbox at
 * home when the queue does not take them. State is data only: no request waits for another's promise (ADR 0009).
 */
export class AuditSender {
  readonly #ports: AuditSenderPorts;
  readonly #packs = new Map<string, Pack>();

  constructor(ports: AuditSenderPorts) {
    this.#ports = ports;
  }

  /** Sends an entry behind the answer, packed with those of the next second. */
  later(region: Region, entry: AuditEntry, waitUntil: WaitUntil): void {
    const shard = shardOf(entry.customer_id, this.#ports.shards);
    const name = packName(region, shard);
    const now = Date.now();
    const pack = this.#packs.get(name);
    if (pack === undefined) {
      const opened = { entries: [entry], since: now };
      this.#packs.set(name, opened);
      // A change may have taken this pack along. Then the timer must not send the next one early.
      waitUntil(pause(packMs).then(() => (this.#packs.get(name) === opened ? this.#flush(region, shard) : undefined)));
      return;
    }
    pack.entries.push(entry);
    // Late: the request whose timer it was has ended.
    if (pack.entries.length >= maximumEntries || now - pack.since > 2 * packMs) waitUntil(this.#flush(region, shard));
  }

  /**
   * Sends an entry now, with those that wait. Resolves when it is durable, in the queue or the outbox; rejects when neither took it,
   * and then tries no more.
   */
  async now(region: Region, entry: AuditEntry, waitUntil: WaitUntil): Promise<void> {
    const shard = shardOf(entry.customer_id, this.#ports.shards);
    const waiting = this.#take(region, shard);
    const [last = [], ...full] = packed([...waiting, entry]).toReversed();
    for (const entries of full) waitUntil(this.#deliverLater(region, shard, entries));
    try {
      await this.#deliver(region, shard, last);
    } catch (error) {
      const others = last.filter((one) => one !== entry);
      if (others.length > 0) waitUntil(this.#deliverLater(region, shard, others));
      throw error;
    }
  }

  /** Sends entries now, in as few messages as hold them. Resolves to the ids of those that are durable, in the queue or the outbox. */
  async together(region: Region, entries: readonly AuditEntry[]): Promise<ReadonlySet<string>> {
    const shards = Map.groupBy(entries, ({ customer_id }) => shardOf(customer_id, this.#ports.shards));
    const messages = Array.from(shards, ([shard, own]) => packed(own).map((message) => ({ shard, message }))).flat();
    const sent = await Promise.allSettled(messages.map(({ shard, message }) => this.#deliver(region, shard, message)));
    const durable = messages.filter((_, at) => sent[at]?.status === "fulfilled");
    return new Set(durable.flatMap(({ message }) => message.map(({ id }) => id)));
  }

  #take(region: Region, shard: number): readonly AuditEntry[] {
    const name = packName(region, shard);
    const entries = this.#packs.get(name)?.entries ?? [];
    this.#packs.delete(name);
    return entries;
  }

  async #flush(region: Region, shard: number): Promise<void> {
    const messages = packed(this.#take(region, shard));
    await Promise.all(messages.map((entries) => this.#deliverLater(region, shard, entries)));
  }

  /** Nobody waits for these: they are tried for as long as the request may go on, and then said to be lost. */
  async #deliverLater(region: Region, shard: number, entries: readonly AuditEntry[]): Promise<void> {
    for (const pauseMs of [...pausesMs, null]) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one try after the other
        return await this.#deliver(region, shard, entries);
      } catch (error) {
        const name = error instanceof Error ? error.name : typeof error;
        const lost = pauseMs === null;
        const event = lost ? "audit.lost" : "audit.unsent";
        console.error(JSON.stringify({ level: "error", event, region, shard, entries: entries.length, error: name }));
        // oxlint-disable-next-line no-await-in-loop -- one try after the other
        if (!lost) await pause(pauseMs);
      }
    }
  }

  async #deliver(region: Region, shard: number, entries: readonly AuditEntry[]): Promise<void> {
    const key = await this.#ports.keyOf(region);
    const message = await sealMessage(entries, { id: newId("message"), region, shard }, key);
    try {
      await inTime(this.#ports.send(region, message));
    } catch (error) {
      const name = error instanceof Error ? error.name : typeof error;
      console.warn(JSON.stringify({ level: "warn", event: "audit.queue_refused", region, error: name }));
      if (this.#ports.keep === null) throw error;
      // The same message: should the queue have it after all, the log takes its entries once.
      await inTime(this.#ports.keep(region, message));
    }
  }
}

function packName(region: Region, shard: number): string {
  return `${region}/${shard}`;
}

/** Entries in messages of at most a hundred, and of at most the bytes that a message may have. */
function packed(entries: readonly AuditEntry[]): AuditEntry[][] {
  const messages: AuditEntry[][] = [];
  let bytes = Infinity;
  for (const entry of entries) {
    const own = encoder.encode(JSON.stringify(entry)).length + 1;
    const last = messages.at(-1);
    if (last === undefined || last.length >= maximumEntries || bytes + own > maximumBytes) {
      messages.push([entry]);
      bytes = own;
    } else {
      last.push(entry);
      bytes += own;
    }
  }
  return messages;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolved) => {
    setTimeout(resolved, ms);
  });
}

async function inTime<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, failed) => {
    timer = setTimeout(() => failed(new Error("no acknowledgement in time")), sendMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
