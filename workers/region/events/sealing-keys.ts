import { LRUCache } from "lru-cache";
import type { WrappedKey } from "../../../durable-objects/event-writer/event.ts";
import type { DataKeyRing } from "../sealing/data-key-ring.ts";
import type { CustomerKeys } from "../webhooks/customer-keys.ts";

/** A key that seals the payloads of a customer. */
export interface SealingKey {
  readonly version: number;
  readonly ring: DataKeyRing;
}

/**
 * The customers' data keys as one isolate remembers them, ready to seal. A remembered key may have been destroyed since: the event
 * writer checks the version in the transaction that commits the event, and what a destroyed key sealed is not committed.
 */
export class SealingKeys {
  readonly #customerKeys: CustomerKeys;
  readonly #known = new LRUCache<string, SealingKey>({ max: 5000 });

  constructor(customerKeys: CustomerKeys) {
    this.#customerKeys = customerKeys;
  }

  /** The remembered key of a customer, else what `read` returns; null if that is null. */
  async of(customerId: string, read: () => Promise<WrappedKey | null>): Promise<SealingKey | null> {
    const known = this.#known.get(customerId);
    if (known !== undefined) return known;
    const stored = await read();
    if (stored === null) return null;
    const ring = await this.#customerKeys.ringOf(customerId, [stored]);
    if (ring === null) throw new Error("a ring of one key is not empty");
    const key = { version: stored.version, ring };
    this.#known.set(customerId, key);
    return key;
  }

  /** Forgets a key that is destroyed, unless another one has taken its place. */
  forget(customerId: string, { version }: SealingKey): void {
    if (this.#known.get(customerId)?.version === version) this.#known.delete(customerId);
  }
}
