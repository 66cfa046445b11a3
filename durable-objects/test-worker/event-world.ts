import type { AuditEntry } from "../../schema/audit/entry.ts";
import type { SealedEvent } from "../event-writer/event.ts";
import type { Attempt, EventWriterPorts, Outcome } from "../event-writer/ports.ts";

/** How the store behaves: as it should, unreachable, or committing and then losing the connection, or the object, once. */
export type StoreState = "available" | "unreachable" | "lost after the commit" | "dies after the commit";

/** Stands in for Postgres and the queue: what is committed, and every statement that was sent. */
class EventWorld {
  state: StoreState = "available";
  readonly committed = new Map<string, SealedEvent>();
  /** The ids of the events of each statement. */
  readonly statements: string[][] = [];
  /** Ids of events that make Postgres refuse the whole statement. */
  readonly poisonous = new Set<string>();
  /** Ids of events whose rows another transaction holds. */
  readonly held = new Set<string>();
  /** Set: a statement waits for it before it commits. */
  hold: Promise<void> | null = null;
  readonly enqueued: string[][] = [];
  /** Audit records of each message: their ids and what they name. */
  readonly records: string[][] = [];
  /** Ids of audit records that neither the queue nor the outbox accepts; `all`: none is accepted, and the call rejects. */
  readonly unrecorded = new Set<string>();
  /** How often the writer said that nothing waits. */
  releases = 0;

  reset(): void {
    this.committed.clear();
    this.statements.length = 0;
    this.enqueued.length = 0;
    this.records.length = 0;
    this.poisonous.clear();
    this.held.clear();
    Object.assign(this, { state: "available", hold: null, releases: 0 });
    this.unrecorded.clear();
  }

  /** `abort` ends the object that has the ports. */
  ports(abort: () => void): EventWriterPorts {
    return {
      waitMs: 2000,
      store: {
        commit: (events) => this.#commit(events, abort),
        dataKey: async () => {
          if (this.state === "unreachable") throw new Error("Postgres cannot be reached");
          return { version: 1, wrapped: new Uint8Array(32) };
        },
        release: async () => {
          this.releases += 1;
        },
      },
      enqueue: async (due) => {
        this.enqueued.push(due.map(({ endpoint_id }) => endpoint_id));
        return true;
      },
      record: async (entries) => {
        this.records.push(entries.map(({ id, resource_id }) => `${id} ${resource_id}`));
        if (this.unrecorded.has("all")) throw new Error("neither the queue nor the outbox accepted the message");
        return new Set(entries.map(({ id }) => id).filter((id) => !this.unrecorded.has(id)));
      },
      observe: () => undefined,
    };
  }

  async #commit(events: readonly SealedEvent[], abort: () => void): Promise<Attempt> {
    this.statements.push(events.map(({ id }) => id));
    if (this.state === "unreachable") return { kind: "unavailable", inDoubt: false };
    await this.hold;
    if (events.some(({ id }) => this.poisonous.has(id))) return { kind: "refused", code: "22P05" };
    const outcomes = events.map((event) => this.#write(event));
    if (this.state === "lost after the commit" || this.state === "dies after the commit") {
      const dies = this.state === "dies after the commit";
      this.state = "available";
      if (dies) abort();
      return { kind: "unavailable", inDoubt: true };
    }
    return { kind: "committed", outcomes, due: [{ id: "dlv", endpoint_id: "whe" }] };
  }

  #write(event: SealedEvent): Outcome {
    const { id, createdAt } = event;
    if (this.held.has(id)) return { kind: "busy" };
    if (event.userId === "nobody") return { kind: "unknown_user" };
    this.committed.set(id, event);
    return { kind: "accepted", id, createdAt, deliveries: 1, deliveryId: `d-${id}`, repeated: false };
  }
}

/** The one world of a test file. */
export const eventWorld = new EventWorld();

/** An audit record of a request. */
export function entryNamed(id: string): AuditEntry {
  return {
    id,
    customer_id: "cus",
    user_id: "usr",
    api_key_id: null,
    action: "event.create",
    resource_type: "event",
    resource_id: null,
    outcome: "success",
    timestamp: 0,
    request_id: `req-${id}`,
    ip_address: null,
    user_agent: null,
    detail: null,
  };
}

/** An event with nothing in it. */
export function eventNamed(id: string, change: Partial<SealedEvent> = {}): SealedEvent {
  return {
    customerId: "cus",
    id,
    type: "a.b",
    userId: null,
    size: 2,
    payload: new Uint8Array(64),
    keyVersion: 1,
    createdAt: 0,
    request: null,
    to: { except: null },
    copies: "included",
    ...change,
  };
}
