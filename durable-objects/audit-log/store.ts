import type { LeafRecord } from "../../schema/audit/leaf.ts";
import type { StoredNodes } from "./tree/frontier.ts";
import type { HashSource } from "./tree/hash-source.ts";

/** Whose data key it is. */
export interface Subject {
  readonly customerId: string;
  readonly subjectId: string;
}

/** A data key as it is stored; `wrapped` null: destroyed, for good. */
export interface StoredDataKey extends Subject {
  readonly wrapped: Uint8Array | null;
}

/** A record with its place in its customer's tree. */
export interface PlacedRecord extends LeafRecord {
  readonly leafIndex: number;
}

/** Everything that one append writes, all or nothing. */
export interface Append {
  readonly records: readonly PlacedRecord[];
  readonly nodes: readonly (StoredNodes & { readonly customerId: string })[];
  /** Keys of subjects that had none. */
  readonly keys: readonly StoredDataKey[];
}

/**
 * How an append went.
 * - `overtaken`: a record, a place in a tree or a key is there already; what is known must be read again.
 * - `refused`: the database will never take it; `code` says why.
 */
export type Appended =
  | { readonly kind: "appended" }
  | { readonly kind: "overtaken" }
  | { readonly kind: "refused"; readonly code: string };

/** The region's Postgres as the log's writer sees it. Every method rejects when it is away. */
export interface AuditStore {
  /** Writes in one statement. */
  append(append: Append): Promise<Appended>;
  /** Which of these records are there already, by id. */
  existing(records: readonly Pick<LeafRecord, "customer_id" | "id" | "timestamp">[]): Promise<ReadonlySet<string>>;
  /** The keys of those subjects that have one or had one. */
  dataKeys(subjects: readonly Subject[]): Promise<readonly StoredDataKey[]>;
  /** How many leaves a customer's tree has. */
  treeSize(customerId: string): Promise<number>;
  hashesOf(customerId: string): HashSource;
  /** Keeps a signed checkpoint, beside the bucket. */
  keepCheckpoint(customerId: string, size: number, note: string): Promise<void>;
  /** Says that nothing follows for now: closes the connection, unless the traffic is dense. */
  release(): Promise<void>;
}
