import type { Role, Scope } from "./principal.ts";

/** What proves that a principal may come in: a session of the user, or the hash of the API key's secret. */
export type Proof =
  | { readonly kind: "session"; readonly sessionId: string }
  | { readonly kind: "secret"; readonly hash: string };

/** A question to a Gate: one proof for each waiting request, and requests already served without asking. */
export interface AdmitCall {
  readonly proofs: readonly Proof[];
  /** Requests admitted from a remembered answer since the last call; they are counted and debited, never refused. */
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

/** A Gate's decision about one request. */
export type Verdict =
  | { readonly kind: "admitted"; readonly limits: LimitState[] }
  | {
      readonly kind: "limited";
      readonly limits: LimitState[];
      readonly violated: string[];
      /** Whole seconds after which one request will be admitted, if nobody else comes. */
      readonly retryAfterSeconds: number;
    }
  | { readonly kind: "refused" };

/** A Gate's answer to a call: one verdict for each proof, in order. `facts` is null when nobody is known by that id. */
export type AdmitAnswer =
  | {
      readonly kind: "decided";
      readonly facts: GateFacts | null;
      readonly verdicts: Verdict[];
      /** Requests counted for the principal since it was made; usage of unlimited tiers is counted too. */
      readonly usage: number;
      /** For how long an unlimited principal need not be asked about again; 0 for a limited one. */
      readonly reuseForMs: number;
    }
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
