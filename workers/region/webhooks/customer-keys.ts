import { base64url } from "jose";
import { LRUCache } from "lru-cache";
import type { Region } from "../../../schema/regions.ts";
import { DataKeyRing, type DataKey } from "../sealing/data-key-ring.ts";

/** A customer's data key as Postgres has it. */
export interface StoredCustomerKey {
  readonly version: number;
  readonly wrapped: Uint8Array;
}

/** The same in a column of JSON: base64. */
export interface JsonCustomerKey {
  readonly version: number;
  readonly wrapped: string;
}

/** What of a customer's events is sealed: where it belongs binds it. */
export type SealedPlace =
  | { readonly kind: "payload"; readonly customerId: string; readonly eventId: string; readonly region: Region }
  | { readonly kind: "response"; readonly customerId: string; readonly deliveryId: string; readonly number: number };

const wrapPurpose = "customer-data-key";

/**
 * Envelope encryption of what customers emit: a data key for each customer and region, in versions, wrapped by the region's ring. What is
 * sealed names the version (`v1`) and is bound to customer, event and region. A key that is destroyed takes what it sealed with it.
 */
export class CustomerKeys {
  readonly #ring: DataKeyRing;
  readonly #known = new LRUCache<string, DataKey>({ max: 5000 });

  constructor(ring: DataKeyRing) {
    this.#ring = ring;
  }

  /** A new key of a customer, wrapped. */
  async make(customerId: string, version: number): Promise<StoredCustomerKey> {
    const key = base64url.encode(crypto.getRandomValues(new Uint8Array(32)));
    return { version, wrapped: await this.wrap(customerId, version, key) };
  }

  /** Wraps a key by the ring's first. */
  wrap(customerId: string, version: number, key: string): Promise<Uint8Array> {
    return this.#ring.seal(wrapPurpose, `${customerId}/${version}`, key);
  }

  /** The key in base64url; rejects when the ring does not have what wraps it. */
  unwrap(customerId: string, { version, wrapped }: StoredCustomerKey): Promise<string> {
    return this.#ring.open(wrapPurpose, `${customerId}/${version}`, wrapped);
  }

  /** A ring of a customer's keys: the newest seals, all of them open. Null without one. */
  async ringOf(customerId: string, stored: readonly StoredCustomerKey[]): Promise<DataKeyRing | null> {
    const newestFirst = stored.toSorted((a, b) => b.version - a.version);
    const keys = await Promise.all(newestFirst.map((one) => this.#keyOf(customerId, one)));
    return keys.length === 0 ? null : new DataKeyRing(keys);
  }

  /** The same of keys as JSON has them: base64. */
  ringOfJson(customerId: string, keys: readonly JsonCustomerKey[]): Promise<DataKeyRing | null> {
    const stored = keys.map(({ version, wrapped }) => ({ version, wrapped: Buffer.from(wrapped, "base64") }));
    return this.ringOf(customerId, stored);
  }

  async #keyOf(customerId: string, stored: StoredCustomerKey): Promise<DataKey> {
    const name = `${customerId}/${stored.version}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const key = { id: `v${stored.version}`, key: await this.unwrap(customerId, stored) };
    this.#known.set(name, key);
    return key;
  }
}

/** Seals text for a place. */
export function sealFor(ring: DataKeyRing, place: SealedPlace, text: string): Promise<Uint8Array> {
  return ring.seal(place.kind, contextOf(place), text);
}

/** Opens what was sealed for a place; null if its key was destroyed. Rejects if a byte or the place is another. */
export async function openFrom(
  ring: DataKeyRing | null,
  place: SealedPlace,
  sealed: Uint8Array,
): Promise<string | null> {
  return ring === null || !ring.has(sealed) ? null : ring.open(place.kind, contextOf(place), sealed);
}

function contextOf(place: SealedPlace): string {
  return place.kind === "payload"
    ? JSON.stringify([place.customerId, place.eventId, place.region])
    : JSON.stringify([place.customerId, place.deliveryId, place.number]);
}
