import { LRUCache } from "lru-cache";
import type { AuditEntry } from "../../schema/audit/entry.ts";
import { leafBytes, subjectOf, type LeafRecord } from "../../schema/audit/leaf.ts";
import type { Region } from "../../schema/regions.ts";
import { DataKeys, type KeyWrapping } from "./data-keys.ts";
import { sealPersonal } from "./personal.ts";
import type { Append, AuditStore, PlacedRecord } from "./store.ts";
import { appendLeaves, emptyFrontier, type Frontier } from "./tree/frontier.ts";
import { leafHash } from "./tree/hash.ts";
import { frontierAt } from "./tree/proofs.ts";

/** How a batch of entries went; `refused`: the database will never take it. */
export type Written = { readonly kind: "written" } | { readonly kind: "refused"; readonly code: string };

/** How often a batch is put together anew when another writer was there first. */
const attempts = 5;

/** Entries as they are written: in the order in which they happened. */
function inOrder(entries: readonly AuditEntry[]): AuditEntry[] {
  const once = new Map(entries.map((entry) => [entry.id, entry]));
  return [...once.values()].toSorted((a, b) => a.timestamp - b.timestamp || (a.id < b.id ? -1 : 1));
}

/** Turns entries into records, leaves and nodes, and appends them. What it remembers of the trees is a cache: the store has the last word. */
export class Writer {
  readonly #region: Region;
  readonly #store: AuditStore;
  readonly #keys: DataKeys;
  readonly #frontiers = new LRUCache<string, Frontier>({ max: 20_000 });

  constructor(region: Region, store: AuditStore, wrapping: KeyWrapping) {
    this.#region = region;
    this.#store = store;
    this.#keys = new DataKeys(store, wrapping);
  }

  /** Appends entries that are not there yet, each once. Rejects when the store is away: nothing is written then. */
  async write(entries: readonly AuditEntry[]): Promise<Written> {
    let missing = inOrder(entries);
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (missing.length === 0) return { kind: "written" };
      // oxlint-disable no-await-in-loop -- each attempt depends on what the one before met
      const { append, frontiers, keys } = await this.#prepare(missing);
      const appended = await this.#store.append(append);
      if (appended.kind === "refused") return appended;
      if (appended.kind === "appended") {
        for (const [customerId, frontier] of frontiers) this.#frontiers.set(customerId, frontier);
        this.#keys.remember(keys);
        return { kind: "written" };
      }
      for (const { customer_id } of missing) this.#frontiers.delete(customer_id);
      this.#keys.forget();
      const there = await this.#store.existing(append.records);
      missing = missing.filter((entry) => !there.has(entry.id));
      // oxlint-enable no-await-in-loop
    }
    throw new Error("another writer was always there first");
  }

  /** The tree of a customer as the store has it now. */
  async frontierOf(customerId: string): Promise<Frontier> {
    const size = await this.#store.treeSize(customerId);
    const known = this.#frontiers.get(customerId);
    if (known?.size === size) return known;
    const frontier = size === 0 ? emptyFrontier : await frontierAt(this.#store.hashesOf(customerId), size);
    this.#frontiers.set(customerId, frontier);
    return frontier;
  }

  async #prepare(entries: readonly AuditEntry[]) {
    const keys = await this.#keys.of(
      entries.map((entry) => ({ customerId: entry.customer_id, subjectId: subjectOf(entry) })),
    );
    const records = await Promise.all(
      entries.map(async (entry) => {
        const subject = { customerId: entry.customer_id, subjectId: subjectOf(entry) };
        return this.#recordOf(entry, keys.keyOf(subject));
      }),
    );
    const nodes: Append["nodes"][number][] = [];
    const placed: PlacedRecord[] = [];
    const frontiers = new Map<string, Frontier>();
    for (const [customerId, own] of Map.groupBy(records, (record) => record.customer_id)) {
      // oxlint-disable-next-line no-await-in-loop -- known but for a customer's first time in this object
      const before = this.#frontiers.get(customerId) ?? (await this.frontierOf(customerId));
      const after = appendLeaves(
        before,
        own.map((record) => leafHash(leafBytes(record))),
      );
      frontiers.set(customerId, after.frontier);
      for (const stored of after.nodes) nodes.push({ ...stored, customerId });
      for (const [at, record] of own.entries()) placed.push({ ...record, leafIndex: before.size + at });
    }
    return { append: { records: placed, nodes, keys: keys.made }, frontiers, keys };
  }

  async #recordOf(entry: AuditEntry, key: CryptoKey | null): Promise<LeafRecord> {
    const { ip_address, user_agent, detail, timestamp, count, ...plain } = entry;
    const personal = await sealPersonal(entry.id, { ip_address, user_agent, detail }, key);
    return {
      ...plain,
      ...(count !== undefined && { count: String(count) }),
      region: this.#region,
      timestamp: new Date(timestamp).toISOString(),
      personal_commitment: personal.commitment,
      personal_sealed: personal.sealed,
    };
  }
}
