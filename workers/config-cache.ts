import { LRUCache } from "lru-cache";
import { until } from "../durable-objects/until.ts";
import type { ConfigReaderApi, Customer, RegionState, Tier } from "../schema/config.ts";
import { AppError } from "../schema/errors.ts";
import type { Region } from "../schema/regions.ts";

/** How fresh configuration is kept. Ages in milliseconds. */
export interface ConfigCacheOptions {
  readonly refreshMs: number;
  readonly maximumMs: number;
  readonly now: () => number;
}

/** Lets a read behind an answer finish. */
type WaitUntil = (promise: Promise<unknown>) => void;

interface Entry {
  readonly value: unknown;
  readonly readAt: number;
}

/** A value this old is still served while global cannot be reached, in milliseconds. */
const staleMs = 3_600_000;
/** A read that has not ended by then belongs to a request that was torn down, in milliseconds. */
const lostMs = 5000;

/**
 * Global configuration as one isolate remembers it. Younger than `refreshMs`: served from memory. Older: served, and read again
 * behind the answer. Older than `maximumMs`: the request waits for a fresh value; if global cannot be reached it gets the old one,
 * up to an hour, then `unavailable` (503). See docs/configuration.md.
 */
export class ConfigCache {
  readonly #reader: ConfigReaderApi;
  readonly #options: ConfigCacheOptions;
  readonly #entries = new LRUCache<string, Entry>({ max: 10_000 });
  /** Keys that a request is reading just now, and since when. */
  readonly #reading = new Map<string, number>();
  /** Reads that failed within the last second: not tried again by every request that waits. */
  readonly #failures = new LRUCache<string, Error>({ max: 1000, ttl: 1000 });
  /** Rises when everything is forgotten. */
  #generation = 0;

  constructor(reader: ConfigReaderApi, options: ConfigCacheOptions) {
    this.#reader = reader;
    this.#options = options;
  }

  /** A customer, null if there is none by that id. */
  async customer(id: string, waitUntil: WaitUntil): Promise<Customer | null> {
    return this.#get(`customer:${id}`, () => this.#reader.customer(id), waitUntil);
  }

  /** Every tier. */
  async tiers(waitUntil: WaitUntil): Promise<Tier[]> {
    return this.#get("tiers", () => this.#reader.tiers(), waitUntil);
  }

  /** A tier by name, null if there is none. */
  async tier(name: string, waitUntil: WaitUntil): Promise<Tier | null> {
    const tiers = await this.tiers(waitUntil);
    return tiers.find((tier) => tier.name === name) ?? null;
  }

  /** Whether a region serves. One that global does not list does. */
  async regionStatus(region: Region, waitUntil: WaitUntil): Promise<RegionState["status"]> {
    const states = await this.#get("regions", () => this.#reader.regions(), waitUntil);
    return states.find((state) => state.name === region)?.status ?? "active";
  }

  /** Every origin that some customer allows. */
  async corsOrigins(waitUntil: WaitUntil): Promise<string[]> {
    return this.#get("cors", () => this.#reader.corsOrigins(), waitUntil);
  }

  /** Forgets everything: for the isolate through which a change was made. */
  forget(): void {
    this.#entries.clear();
    this.#reading.clear();
    this.#generation += 1;
  }

  async #get<T>(key: string, read: () => Promise<T>, waitUntil: WaitUntil): Promise<T> {
    const entry = this.#entries.get(key);
    const age = this.#ageOf(entry);
    if (entry === undefined || age >= this.#options.maximumMs) return (await this.#fresh(key, read)) as T;
    if (age >= this.#options.refreshMs && !this.#isBeingRead(key)) {
      // A failure is logged where it happens; the answer has what is remembered.
      waitUntil(this.#read(key, read).catch(() => undefined));
    }
    return entry.value as T;
  }

  /** A value younger than the maximum: one request reads it, those that come meanwhile wait for that. */
  async #fresh(key: string, read: () => Promise<unknown>): Promise<unknown> {
    await until(() => !this.#isBeingRead(key), lostMs);
    const shared = this.#entries.get(key);
    if (shared !== undefined && this.#ageOf(shared) < this.#options.maximumMs) return shared.value;
    try {
      const failed = this.#failures.get(key);
      if (failed !== undefined) throw failed;
      return (await this.#read(key, read)).value;
    } catch (cause) {
      if (shared === undefined || this.#ageOf(shared) > staleMs) throw new AppError("unavailable", { cause });
      return shared.value;
    }
  }

  async #read(key: string, read: () => Promise<unknown>): Promise<Entry> {
    const readAt = this.#options.now();
    const generation = this.#generation;
    this.#reading.set(key, readAt);
    try {
      const entry = { value: await read(), readAt };
      // A change made through this isolate while the read was under way may not be in it: then it is not kept.
      if (generation === this.#generation) this.#entries.set(key, entry);
      return entry;
    } catch (error) {
      const name = error instanceof Error ? error.name : typeof error;
      console.warn(JSON.stringify({ level: "warn", event: "config.unreachable", error: name }));
      this.#failures.set(key, new Error("global could not be read a moment ago", { cause: error }));
      throw error;
    } finally {
      if (this.#reading.get(key) === readAt) this.#reading.delete(key);
    }
  }

  #isBeingRead(key: string): boolean {
    const since = this.#reading.get(key);
    return since !== undefined && this.#options.now() - since < lostMs;
  }

  #ageOf(entry: Entry | undefined): number {
    return entry === undefined ? Infinity : this.#options.now() - entry.readAt;
  }
}
