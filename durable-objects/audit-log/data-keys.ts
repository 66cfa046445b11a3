import { LRUCache } from "lru-cache";
import { importDataKey } from "./personal.ts";
import type { AuditStore, StoredDataKey, Subject } from "./store.ts";

/** How data keys are wrapped: by a key that only the region has. */
export interface KeyWrapping {
  readonly wrap: (subject: Subject, key: Uint8Array) => Promise<Uint8Array>;
  readonly unwrap: (subject: Subject, wrapped: Uint8Array) => Promise<Uint8Array>;
}

/** Keys for a batch: `null` of a subject whose key is destroyed; `made` are to be stored with the batch. */
export interface BatchKeys {
  readonly keyOf: (subject: Subject) => CryptoKey | null;
  readonly made: readonly StoredDataKey[];
}

/** Names a subject in a map. */
function nameOf({ customerId, subjectId }: Subject): string {
  return `${customerId}/${subjectId}`;
}

/** Bytes of an AES-256 key. */
const keyBytes = 32;

/** The data keys of the subjects that a writer has met. A key that is destroyed meanwhile is used on in vain: nothing it seals can be opened. */
export class DataKeys {
  readonly #store: AuditStore;
  readonly #wrapping: KeyWrapping;
  readonly #known = new LRUCache<string, { readonly key: CryptoKey | null }>({ max: 20_000 });

  constructor(store: AuditStore, wrapping: KeyWrapping) {
    this.#store = store;
    this.#wrapping = wrapping;
  }

  /** The keys of these subjects; makes those that are missing, which are only remembered once `remember` is told that they are stored. */
  async of(subjects: readonly Subject[]): Promise<BatchKeys> {
    const wanted = new Map(subjects.map((subject) => [nameOf(subject), subject]));
    const keys = new Map<string, CryptoKey | null>();
    const unknown: Subject[] = [];
    for (const [name, subject] of wanted) {
      const known = this.#known.get(name);
      if (known === undefined) unknown.push(subject);
      else keys.set(name, known.key);
    }
    const found = unknown.length === 0 ? [] : await this.#store.dataKeys(unknown);
    const imported = await Promise.all(
      found.map(async (stored) => [nameOf(stored), await this.#import(stored)] as const),
    );
    for (const [name, key] of imported) {
      keys.set(name, key);
      this.#known.set(name, { key });
    }
    const made = await Promise.all(
      unknown.filter((subject) => !keys.has(nameOf(subject))).map(async (subject) => this.#make(subject, keys)),
    );
    return { made, keyOf: (subject) => keys.get(nameOf(subject)) ?? null };
  }

  /** Forgets everything, after another writer has been met. */
  forget(): void {
    this.#known.clear();
  }

  /** Remembers keys that are stored now. */
  remember({ made, keyOf }: BatchKeys): void {
    for (const subject of made) this.#known.set(nameOf(subject), { key: keyOf(subject) });
  }

  async #import(stored: StoredDataKey): Promise<CryptoKey | null> {
    return stored.wrapped === null ? null : importDataKey(await this.#wrapping.unwrap(stored, stored.wrapped));
  }

  async #make(subject: Subject, keys: Map<string, CryptoKey | null>): Promise<StoredDataKey> {
    const raw = crypto.getRandomValues(new Uint8Array(keyBytes));
    keys.set(nameOf(subject), await importDataKey(raw));
    return { ...subject, wrapped: await this.#wrapping.wrap(subject, raw) };
  }
}
