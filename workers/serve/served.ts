import type { LimitState } from "../../schema/admission.ts";
import { AppError } from "../../schema/errors.ts";
import type { Actor } from "../../schema/forwarded.ts";
import type { Principal, UserPrincipal } from "../../schema/principal.ts";
import type { Invocation } from "./invocation.ts";
import type { Received } from "./receive.ts";

/** The immutable facts of a request, beside its validated input. */
export interface Served {
  readonly requestId: string;
  readonly path: string;
  readonly actor: Actor | null;
  /** ISO 3166-1 alpha-2, null when unknown. */
  readonly country: string | null;
  /** The client's IP address. Personal: for guess limiting, never for a log. */
  readonly clientAddress: string;
  /** Personal too. */
  readonly userAgent: string | null;
  /** The customer that the login directory named at sign-in; null for every other request. */
  readonly customerId: string | null;
  /** What the Gate counted; null where it was not asked: at sign-in, for operators, and in a peer region. */
  readonly quota: Quota | null;
  readonly idempotencyKey: string | null;
  /** The places in the client's batch of the events in the body; null where the batch was not divided. */
  readonly positions: readonly number[] | null;
  /** The body as it came, for comparing repeated requests. */
  readonly bodyBytes: Uint8Array;
  /** The databases of this request, and what continues behind its response. */
  readonly invocation: Invocation;
}

/** The caller's buckets after this request, and the requests counted so far. */
export interface Quota {
  readonly limits: readonly LimitState[];
  readonly usage: number;
}

/** What a handler answers: JSON, or nothing with a 204. */
export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  /** Instead of `body`: what is written as it is read, of the type that `headers` name. */
  readonly stream?: ReadableStream<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The id of what was created, for the audit log. */
  readonly created?: string;
  /** The id of the audit record that was made before the answer: no other is made. */
  readonly recorded?: string;
  /** From global: the customer that the request was about, and its default region. */
  readonly concerns?: { readonly id: string; readonly default_region: string };
}

/** The facts of a request for a handler that acts for `actor`. Its body is not read yet. */
export function servedOf(received: Received, actor: Actor | null, quota: Quota | null, invocation: Invocation): Served {
  const { requestId, caller, country, clientAddress, userAgent, url, idempotencyKey, positions } = received;
  return {
    requestId,
    path: url.pathname,
    actor,
    country,
    clientAddress,
    userAgent,
    customerId: caller.kind === "guest" ? (caller.login?.customer_id ?? null) : null,
    quota,
    idempotencyKey,
    positions,
    bodyBytes: new Uint8Array(),
    invocation,
  };
}

/** The principal behind a request; 401 if there is none. */
export function principalOf(served: Served): Principal {
  if (served.actor === null || served.actor.type === "operator") throw new AppError("unauthorized");
  return served.actor;
}

/** The signed-in user behind a request; 401 if it is nobody or an API key. */
export function userOf(served: Served): UserPrincipal {
  const principal = principalOf(served);
  if (principal.type !== "user") throw new AppError("unauthorized");
  return principal;
}
