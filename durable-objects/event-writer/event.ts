/** An event on its way to its writer. Its payload is sealed: the writer cannot read it. */
export interface SealedEvent {
  readonly customerId: string;
  readonly id: string;
  readonly type: string;
  readonly userId: string | null;
  /** Bytes of `data` before it was sealed. */
  readonly size: number;
  readonly payload: Uint8Array;
  /** The version of the customer's data key that sealed the payload. */
  readonly keyVersion: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Keyed hashes of the request's `Idempotency-Key` and of its body; null without a key. */
  readonly request: { readonly key: string; readonly hash: string } | null;
  readonly to: Receivers;
  readonly copies: Copies;
}

/** Which endpoints an event goes to: those whose filters match its type, without `except`; or `only` one. */
export type Receivers = { readonly except: string | null } | { readonly only: string };

/**
 * What applies to the customer's copies of other regions' endpoints.
 * - `included`: they are up to date and get the event.
 * - `excluded`: the event goes to the region's own endpoints only.
 * - `unknown`: global cannot be reached, so the copies may be out of date. The event is refused if the customer has copies.
 */
export type Copies = "included" | "excluded" | "unknown";

/** A committed event. `repeated`: an earlier request with the same `Idempotency-Key` committed it. */
export interface AcceptedEvent {
  readonly kind: "accepted";
  readonly id: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** How many deliveries it has. */
  readonly deliveries: number;
  /** The first of them; null if there is none. */
  readonly deliveryId: string | null;
  readonly repeated: boolean;
}

/**
 * The result of one event; every kind but `accepted` means that it is not committed, except that `unavailable` may be in doubt.
 * - `unknown_user`: the user is not a user of the customer, or is deleted.
 * - `idempotency_mismatch`: the `Idempotency-Key` was used with another body.
 * - `stale_key`: the data key that sealed the payload is destroyed.
 * - `copies_unknown`: see `Copies`.
 * - `unavailable`: Postgres cannot be reached, or too much is waiting.
 * - `refused`: Postgres refuses the row itself; `code` is its SQLSTATE.
 */
export type Verdict =
  | AcceptedEvent
  | { readonly kind: "unknown_user" | "idempotency_mismatch" | "stale_key" | "copies_unknown" | "unavailable" }
  | { readonly kind: "refused"; readonly code: string };

/** The result of a request's events, in order, and whether the request's audit record is durable. */
export interface Accepted {
  readonly verdicts: readonly Verdict[];
  readonly recorded: boolean;
}

/** A customer's data key, wrapped by the region's key ring. */
export interface WrappedKey {
  readonly version: number;
  readonly wrapped: Uint8Array;
}

/** The result of asking for a customer's data key. */
export type KeyResult = ({ readonly kind: "found" } & WrappedKey) | { readonly kind: "unavailable" };
