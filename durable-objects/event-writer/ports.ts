import type { AuditEntry } from "../../schema/audit/entry.ts";
import type { DueDelivery } from "../../schema/webhooks/message.ts";
import type { SealedEvent, Verdict, WrappedKey } from "./event.ts";

/** The result of one event in a commit. `busy`: another transaction holds a row that the event needs; the next commit may take it. */
export type Outcome = Verdict | { readonly kind: "busy" };

/**
 * The result of one attempt to commit.
 * - `committed`: an outcome for each event, in order. `due` has one delivery for each endpoint that has something to deliver.
 * - `refused`: Postgres refused the whole statement because of a row in it; nothing is committed.
 * - `unavailable`: Postgres cannot be reached. `inDoubt`: the statement had been sent, so it may be committed.
 */
export type Attempt =
  | { readonly kind: "committed"; readonly outcomes: readonly Outcome[]; readonly due: readonly DueDelivery[] }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "unavailable"; readonly inDoubt: boolean };

/** The region's Postgres as the writer uses it. */
export interface EventStore {
  /**
   * Commits events with their deliveries in one statement. Events keep their ids from one attempt to the next: one that is already
   * committed is reported as accepted and not written again.
   */
  commit(events: readonly SealedEvent[]): Promise<Attempt>;
  /** The customer's live data key; makes one if there is none. Rejects when Postgres cannot be reached. */
  dataKey(customerId: string): Promise<WrappedKey>;
  /** Says that nothing waits. Closes the connection, unless more is likely to come soon. */
  release(): Promise<void>;
}

/** What a writer needs of its region. */
export interface EventWriterPorts {
  readonly store: EventStore;
  /** How long an event may wait for a commit to take it, in milliseconds. */
  readonly waitMs: number;
  /** Sends a wake-up for the endpoints of these deliveries to the queue; resolves to whether the queue has it. */
  readonly enqueue: (due: readonly DueDelivery[]) => Promise<boolean>;
  /** Sends audit records; resolves to the ids of those that are durable. */
  readonly record: (entries: readonly AuditEntry[]) => Promise<ReadonlySet<string>>;
  /** Called after each commit. */
  readonly observe: (commit: { readonly events: number; readonly durationMs: number }) => void;
}
