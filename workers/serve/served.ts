import { AppError } from "../../schema/errors.ts";
import { forwardedHeader, parseActor, type Actor } from "../../schema/forwarded.ts";
import type { Principal, UserPrincipal } from "../../schema/principal.ts";
import type { Invocation } from "./invocation.ts";

/** The immutable facts of a forwarded request, beside its validated input. */
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
  /** The customer that the edge located for a request without a principal: at sign-in. */
  readonly customerId: string | null;
  readonly idempotencyKey: string | null;
  /** The places in the client's batch of what is in the body, where the edge has divided it. */
  readonly positions: readonly number[] | null;
  /** The body as it came, for comparing repeated requests. */
  readonly bodyBytes: Uint8Array;
  /** The databases of this request, and what continues behind its response. */
  readonly invocation: Invocation;
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
  /** The id of the audit record that was made before the answer: the edge makes no other. */
  readonly recorded?: string;
}

/** Reads the facts that the edge forwarded. */
export function readServed({ headers, url }: Request, bodyBytes: Uint8Array, invocation: Invocation): Served {
  const actor = headers.get(forwardedHeader.actor);
  return {
    requestId: headers.get(forwardedHeader.requestId) ?? "",
    path: new URL(url).pathname,
    actor: actor === null ? null : parseActor(actor),
    country: headers.get(forwardedHeader.country),
    clientAddress: headers.get(forwardedHeader.clientAddress) ?? "",
    userAgent: headers.get("user-agent"),
    customerId: headers.get(forwardedHeader.customer),
    idempotencyKey: headers.get("idempotency-key"),
    positions: headers.get(forwardedHeader.positions)?.split(",").map(Number) ?? null,
    bodyBytes,
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
