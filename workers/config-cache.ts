import { LRUCache } from "lru-cache";
import type { ConfigReaderApi, Customer, RegionState, Tier } from "../schema/config.ts";
import { AppError } from "../schema/errors.ts";
import type { Region } from "../schema/regions.ts";

/** How fresh configuration is kept. Ages in milliseconds. */
export interface ConfigCacheOptions {
  readonly refreshMs: number;
  readonly maximumMs: number;
  readonly now: () => number;
}

/** Keeps a shared read alive when the request that began it is cancelled. */
type WaitUntil = (promise: Promise<unknown>) => void;

interface Entry {
  readonly value: unknown;
  readonly readAt: number;
}

interface Reading {
  readonly entry: Promise<Entry>;
  readonly since: number;
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
  readonly #readings = new Map<string, Reading>();

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
    this.#readings.clear();
  }

  async #get<T>(key: string, read: () => Promise<T>, waitUntil: WaitUntil): Promise<T> {
    const now = this.#options.now();
    const entry = this.#entries.get(key);
    const age = entry === undefined ? Infinity : now - entry.readAt;
    if (entry !== undefined && age < this.#options.refreshMs) return entry.value as T;
    const reading = this.#read(key, read, now, waitUntil);
    if (entry === undefined || age >= this.#options.maximumMs) {
      const fresh = await reading.catch((error: unknown) => {
        if (entry === undefined || age > staleMs) throw new AppError("unavailable", { cause: error });
        return entry;
      });
      return fresh.value as T;
    }
    return entry.value as T;
  }

  #read(key: string, read: () => Promise<unknown>, now: number, waitUntil: WaitUntil): Promise<Entry> {
    const running = this.#readings.get(key);
    if (running !== undefined && now - running.since < lostMs) return running.entry;
    const entry = this.#readNow(key, read, now);
    this.#readings.set(key, { entry, since: now });
    waitUntil(
      entry.then(
        () => undefined,
        (error: unknown) => {
          const name = error instanceof Error ? error.name : typeof error;
          console.warn(JSON.stringify({ level: "warn", event: "config.unreachable", error: name }));
        },
      ),
    );
    return entry;
  }

  async #readNow(key: string, read: () => Promise<unknown>, readAt: number): Promise<Entry> {
    const reading = this.#readings;
    try {
      const entry = { value: await read(), readAt };
      // A change made through this isolate while the read was under way may not be in it: then it is not kept.
      if (reading.get(key)?.since === readAt) this.#entries.set(key, entry);
      return entry;
    } finally {
      if (reading.get(key)?.since === readAt) reading.delete(key);
    }
  }
}
