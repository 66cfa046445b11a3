import { LRUCache } from "lru-cache";
import { withTimeout } from "../durable-objects/with-timeout.ts";
import type {
  ConfigReaderApi,
  ConfigSnapshot,
  Customer,
  PublicKeyVersion,
  RegionState,
  Tier,
} from "../schema/config.ts";
import { AppError } from "../schema/errors.ts";
import type { Region } from "../schema/regions.ts";
import type { PublishedEndpoint } from "../schema/webhooks/cross-region.ts";

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

const regionsKey = "regions";
/** Values that are remembered: a snapshot has about 3 KB. */
const maximumEntries = 5000;
/** A value this old is still served while global cannot be reached, in milliseconds. */
const staleMs = 3_600_000;
/** The same for what is closed when in doubt: a key that was revoked, an opt-in that was taken back, must be noticed within five minutes. */
const staleClosedMs = 300_000;
/** How long a read may take, in milliseconds: a database that hangs is as good as one that is away. */
const readMs = 1500;
/** A read that has not ended by then belongs to a request that was torn down, in milliseconds. */
const lostMs = 3000;
/** For how long after a failed read no request waits for the next one if there is something remembered, in milliseconds. */
const failingMs = 10_000;
/** For how long after a failed read none is tried where nothing is remembered, in milliseconds. */
const pauseMs = 1000;
/** The age at which a value that lacks a name that a request refers to is read again, in milliseconds. */
const lackingMs = 100;

/**
 * Global configuration as one isolate remembers it. Younger than `refreshMs`: served from memory. Older: served, and read again
 * behind the answer, by one request at a time. Older than `maximumMs`: the request reads it itself; if global cannot be reached it
 * gets the old value, up to an hour, then `unavailable` (503). No request waits for another. Once a read has failed, no
 * request waits for the next one if something is remembered. See docs/configuration.md.
 */
export class ConfigCache {
  readonly #reader: ConfigReaderApi;
  readonly #options: ConfigCacheOptions;
  readonly #entries = new LRUCache<string, Entry>({ max: maximumEntries });
  /** Keys that a request is reading, and since when: others do not refresh them behind their answers meanwhile. */
  readonly #reading = new Map<string, number>();
  /** When the last read of a key failed, epoch milliseconds. */
  readonly #failedAt = new LRUCache<string, number>({ max: 1000 });
  /** When the last read of all failed, epoch milliseconds; null if it succeeded. */
  #failing: number | null = null;
  /** Rises when everything is forgotten. */
  #generation = 0;

  constructor(reader: ConfigReaderApi, options: ConfigCacheOptions) {
    this.#reader = reader;
    this.#options = options;
  }

  /** What a request of a customer needs, in one read. The status of regions is the newest that was read for any customer. */
  async snapshot(customerId: string, waitUntil: WaitUntil): Promise<ConfigSnapshot> {
    const snapshot = await this.#get(`snapshot:${customerId}`, () => this.#readSnapshot(customerId), waitUntil);
    const regions = this.#entries.get(regionsKey)?.value as readonly RegionState[] | undefined;
    return { ...snapshot, regions: regions ?? snapshot.regions };
  }

  /** A customer, null if there is none by that id. */
  async customer(id: string, waitUntil: WaitUntil): Promise<Customer | null> {
    return (await this.snapshot(id, waitUntil)).customer;
  }

  /**
   * The tier of a customer's principal: the one that its API key names, else the customer's. Null if there is none by that name. A key
   * may name a tier that is newer than the snapshot: then that is read again.
   */
  async tierOf(customerId: string, keyTier: string | null, waitUntil: WaitUntil): Promise<Tier | null> {
    const found = tierIn(await this.snapshot(customerId, waitUntil), keyTier);
    if (found !== null) return found;
    const read = (): Promise<ConfigSnapshot> => this.#readSnapshot(customerId);
    return tierIn(await this.#fresh(`snapshot:${customerId}`, read, lackingMs), keyTier);
  }

  /** Whether a region serves, for requests without a customer. */
  async regionStatus(region: Region, waitUntil: WaitUntil): Promise<RegionState["status"]> {
    return statusIn(await this.#get(regionsKey, () => this.#reader.regions(), waitUntil), region);
  }

  /** Every origin that some customer allows. */
  async corsOrigins(waitUntil: WaitUntil): Promise<string[]> {
    return this.#get("cors", () => this.#reader.corsOrigins(), waitUntil);
  }

  /**
   * The versions of a customer's public key that are not revoked; never older than five minutes, then `unavailable`. Whoever names a key may have
   * been told of it later than this isolate: one that is lacking is looked for again.
   */
  async publicKey(customerId: string, id: string, waitUntil: WaitUntil): Promise<PublicKeyVersion[]> {
    const name = `keys:${customerId}`;
    const read = (): Promise<PublicKeyVersion[]> => this.#reader.publicKeys(customerId);
    const ofKey = (versions: readonly PublicKeyVersion[]): PublicKeyVersion[] =>
      versions.filter((one) => one.id === id);
    const known = ofKey(await this.#get(name, read, waitUntil, staleClosedMs));
    return known.length > 0 ? known : ofKey(await this.#fresh(name, read, lackingMs, staleClosedMs));
  }

  /** A customer's endpoints that opted in to events of other regions, and those that took it back; never older than five minutes. */
  async crossRegionEndpoints(customerId: string, waitUntil: WaitUntil): Promise<PublishedEndpoint[]> {
    const read = (): Promise<PublishedEndpoint[]> => this.#reader.crossRegionEndpoints(customerId);
    return this.#get(`endpoints:${customerId}`, read, waitUntil, staleClosedMs);
  }

  /** Forgets everything: for the isolate through which a change was made. */
  forget(): void {
    this.#entries.clear();
    this.#reading.clear();
    this.#generation += 1;
  }

  /** A snapshot. Its regions are kept for every customer, and for requests without one. */
  async #readSnapshot(customerId: string): Promise<ConfigSnapshot> {
    const readAt = this.#options.now();
    const generation = this.#generation;
    const snapshot = await this.#reader.snapshot(customerId);
    const newest = (this.#entries.get(regionsKey)?.readAt ?? 0) <= readAt;
    if (newest && generation === this.#generation) this.#entries.set(regionsKey, { value: snapshot.regions, readAt });
    return snapshot;
  }

  async #get<T>(key: string, read: () => Promise<T>, waitUntil: WaitUntil, oldestMs: number = staleMs): Promise<T> {
    const entry = this.#entries.get(key);
    const age = this.#ageOf(entry);
    const { refreshMs, maximumMs } = this.#options;
    const mayServe = age < maximumMs || (age < oldestMs && this.#isFailing());
    if (entry === undefined || !mayServe) return this.#fresh(key, read, maximumMs, oldestMs);
    if (age >= refreshMs && !this.#isBeingRead(key)) {
      // A failure is logged where it happens; the answer has what is remembered.
      waitUntil(this.#read(key, read).catch(() => undefined));
    }
    return entry.value as T;
  }

  /** A value younger than `maximumMs`: the remembered one, or one that this request reads itself. */
  async #fresh<T>(key: string, read: () => Promise<T>, maximumMs: number, oldestMs: number = staleMs): Promise<T> {
    const known = this.#entries.get(key);
    if (known !== undefined && this.#ageOf(known) < maximumMs) return known.value as T;
    try {
      if (this.#hasJustFailed(key)) throw new Error("global could not be read a moment ago");
      return (await this.#read(key, read)).value as T;
    } catch (cause) {
      const remembered = this.#entries.get(key);
      if (remembered === undefined || this.#ageOf(remembered) >= oldestMs) throw new AppError("unavailable", { cause });
      return remembered.value as T;
    }
  }

  async #read(key: string, read: () => Promise<unknown>): Promise<Entry> {
    const readAt = this.#options.now();
    const generation = this.#generation;
    this.#reading.set(key, readAt);
    try {
      const entry = { value: await withTimeout(read(), readMs), readAt };
      // A change made through this isolate while the read was under way may not be in it: then it is not kept.
      const overtaken = generation !== this.#generation || (this.#entries.get(key)?.readAt ?? 0) > readAt;
      if (!overtaken) this.#entries.set(key, entry);
      this.#failedAt.delete(key);
      this.#failing = null;
      return entry;
    } catch (error) {
      const name = error instanceof Error ? error.name : typeof error;
      console.warn(JSON.stringify({ level: "warn", event: "config.unreachable", error: name }));
      this.#failing = this.#options.now();
      this.#failedAt.set(key, this.#failing);
      throw error;
    } finally {
      if (this.#reading.get(key) === readAt) this.#reading.delete(key);
    }
  }

  #isBeingRead(key: string): boolean {
    const since = this.#reading.get(key);
    return since !== undefined && this.#options.now() - since < lostMs;
  }

  #isFailing(): boolean {
    return this.#failing !== null && this.#options.now() - this.#failing < failingMs;
  }

  #hasJustFailed(key: string): boolean {
    const at = this.#failedAt.get(key);
    return at !== undefined && this.#options.now() - at < pauseMs;
  }

  #ageOf(entry: Entry | undefined): number {
    return entry === undefined ? Infinity : this.#options.now() - entry.readAt;
  }
}

/** Whether a region serves. One that global does not list does. */
export function statusIn(states: readonly RegionState[], region: Region): RegionState["status"] {
  return states.find((state) => state.name === region)?.status ?? "active";
}

function tierIn({ customer, tiers }: ConfigSnapshot, keyTier: string | null): Tier | null {
  const name = keyTier ?? customer?.tier;
  return tiers.find((tier) => tier.name === name) ?? null;
}
