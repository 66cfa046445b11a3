import type { Role, Scope } from "./principal.ts";

/** What proves that a principal may come in: a session of the user, or the hash of the API key's secret. */
export type Proof =
  | { readonly kind: "session"; readonly sessionId: string }
  | { readonly kind: "secret"; readonly hash: string };

/** A question to a Gate: whether one request may come in. */
export interface AdmitCall {
  readonly proof: Proof;
  /** Requests admitted from a remembered answer since the last call. They are counted and debited, never refused. */
  readonly alreadyServed: number;
}

/** Who the Gate says a principal is. Opaque ids only. */
export type GateFacts =
  | {
      readonly type: "user";
      readonly id: string;
      readonly customer_id: string;
      readonly role: Role;
      readonly tier: string;
    }
  | {
      readonly type: "api_key";
      readonly id: string;
      readonly customer_id: string;
      readonly scopes: Scope[];
      readonly tier: string;
    };

/** One bucket after a decision. `reset_seconds` is the time until tokens are added next, rounded up; 0 when full. */
export interface LimitState {
  readonly name: string;
  readonly quota: number;
  readonly window_seconds: number;
  readonly remaining: number;
  readonly reset_seconds: number;
}

/**
 * The state of one token bucket, stored and sent. Levels are integers in units of 1/(window · 1000) token, so that `quota` units
 * are one millisecond's refill and nothing is ever rounded. See `durable-objects/gate/token-bucket.ts`.
 */
export interface Bucket {
  /** Tokens that a full bucket holds. */
  readonly quota: number;
  /** Seconds in which an empty bucket refills. */
  readonly window: number;
  readonly level: number;
  /** Epoch milliseconds up to which `level` is counted. */
  readonly asOf: number;
  /** What of the level may be spent until the next tick: the level at the last one, less what was spent since. */
  readonly granted: number;
  /** Epoch milliseconds of the last tick. */
  readonly tickAt: number;
}

/** The buckets of one principal, by policy name. */
export type Buckets = Readonly<Record<string, Bucket>>;

/**
 * A refusal by a Gate. Plain data: an isolate may remember it, repeat it and pass it on for `repeatForMs` milliseconds without asking
 * again (`durable-objects/gate/refusals.ts`).
 */
export type Refusal =
  | {
      readonly kind: "limited";
      readonly repeatForMs: number;
      readonly facts: GateFacts;
      /** The buckets of the principal's tier. */
      readonly buckets: Buckets;
      /** When the refusal was true, by the Gate's clock in epoch milliseconds. */
      readonly at: number;
      readonly usage: number;
    }
  | {
      readonly kind: "refused";
      readonly repeatForMs: number;
      /** The customer of the principal, if there is a principal by that id: whose log the refusal belongs to. */
      readonly customer_id?: string;
    };

/** A Gate's answer to a call. */
export type AdmitAnswer =
  | {
      readonly kind: "admitted";
      readonly facts: GateFacts;
      readonly limits: LimitState[];
      /** Requests counted for the principal since it was made; usage of unlimited tiers is counted too. */
      readonly usage: number;
      /** For how many milliseconds an unlimited principal need not be asked about again; 0 for a limited one. */
      readonly reuseForMs: number;
    }
  | Refusal
  | { readonly kind: "unavailable"; readonly retryAfterSeconds: number };

/** What the home region's Postgres knows of a principal when its Gate starts with nothing. */
export type PrincipalRecord =
  | {
      readonly type: "user";
      readonly id: string;
      readonly customer_id: string;
      readonly role: Role;
      readonly status: "active" | "disabled";
      /** Rises by one with each change of the row; a Gate never goes back to a lower one. */
      readonly version: number;
      readonly sessions: readonly { readonly id: string; readonly expires_at: number }[];
    }
  | {
      readonly type: "api_key";
      readonly id: string;
      readonly customer_id: string;
      readonly scopes: Scope[];
      /** Null: the customer's tier. */
      readonly tier: string | null;
      readonly status: "active" | "disabled";
      readonly version: number;
      readonly secret_hash: string;
      /** Epoch milliseconds; null: does not expire. */
      readonly expires_at: number | null;
    };
