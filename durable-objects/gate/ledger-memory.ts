import { LRUCache } from "lru-cache";
import type { Ledger } from "./decide.ts";

/** Ledgers kept: about a kilobyte each, of the 128 MB of an isolate. */
const maximumLedgers = 20_000;

/** A ledger as an object left it, and the row that it had written. */
export interface RememberedLedger {
  readonly rowId: string;
  readonly ledger: Ledger;
}

/**
 * The ledgers of the Gates of one isolate. An idle object is evicted after ten seconds, but its isolate often lives on with the
 * objects of others. A Gate that comes back to it goes on where it was: it loses no tokens and writes no new row.
 *
 * This is safe because a ledger is taken up only if its row is still the stored one, by a random id, and a Gate without
 * a remembered ledger writes a row before its first spending. So if the object has spent anything in another isolate meanwhile,
 * the stored row is another.
 */
export class LedgerMemory {
  readonly #ledgers = new LRUCache<string, RememberedLedger>({ max: maximumLedgers });

  /** Remembers a ledger whose row was written in this isolate. */
  keep(objectId: string, remembered: RememberedLedger): void {
    this.#ledgers.set(objectId, remembered);
  }

  /** The ledger of an object whose stored row is `rowId`, if this isolate wrote that row. */
  find(objectId: string, rowId: string): Ledger | null {
    const found = this.#ledgers.get(objectId);
    return found?.rowId === rowId ? found.ledger : null;
  }

  /** Forgets everything, as the end of the isolate does. */
  clear(): void {
    this.#ledgers.clear();
  }
}
