import type { z } from "zod";
import type { Role, Scope } from "../principal.ts";

/** HTTP methods that a route can have. HEAD is served by GET, OPTIONS by the edge. */
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/**
 * Who may call a route.
 * - `public`: anybody.
 * - `session`: a signed-in user, whatever the role; no API key.
 * - `principal`: a user of at least `role`, or an API key with `scope`. Without `scope`, no key; `anyKey`, every key.
 * - `operator`: who runs the platform.
 */
export type Access =
  | { readonly who: "public" }
  | { readonly who: "session" }
  | { readonly who: "principal"; readonly role: Role; readonly scope: Scope | "anyKey" }
  | { readonly who: "operator" };

/**
 * Which region serves a route with `servedBy: "region"`, for callers who have a home region:
 * - `home`: the caller's.
 * - `region`: the one that `?region=` names, which must be one of the customer's; without it, the caller's.
 * - `any`: the same; without `?region=`, whichever region has what the path names. The caller's is asked first.
 * - `user`: the home of the user whose id is in the path.
 * - `subject`: the home of the user that the body names as `user_id`; else the caller's.
 * - `subjects`: each of the body's `events` in the home of the user that it names as `user_id`; else in the caller's.
 * - `new-user`: the home that the body's `region` names, else one by where the request came from.
 * - `each`: every region of the customer, one after the other, until a page is full; `?region=` names one.
 * - `login`: the home that the login directory has for the e-mail address in the body.
 */
export type Routing = "home" | "region" | "any" | "user" | "subject" | "subjects" | "new-user" | "each" | "login";

/** An answer of a route: what it means and, for JSON, its shape. */
export interface AnswerContract {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** For an answer that is text and not JSON: its media type. */
  readonly mediaType?: string;
}

/** A route of the HTTP contract: enough to serve it, to authorize it, to name it in the audit log and to document it. */
export interface RouteContract {
  readonly method: Method;
  /** An OpenAPI path template, as `/v1/users/{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly tag: string;
  readonly access: Access;
  /** Which Worker serves it. */
  readonly servedBy: "edge" | "region" | "global";
  /** Which region serves it, where one does; `home` if not given. */
  readonly routing?: Routing;
  /** What the audit log calls it, `noun.verb`, and the noun it happened to. */
  readonly action: string;
  readonly resource: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Whether a request without a body is served as if `{}` had been sent. */
  readonly bodyOptional?: boolean;
  /** The most bytes that the body may have; 64 KiB if not given. */
  readonly bodyLimit?: number;
  /** Whether the route creates, and so takes an `Idempotency-Key`. */
  readonly creates?: boolean;
  readonly answers: Readonly<Record<number, AnswerContract>>;
}

/** Declares a route; keeps its literal types, so that a handler is checked against its own contract. */
export function route<const R extends RouteContract>(contract: R): R {
  return contract;
}

/** The validated input of a route's handler. */
export interface RouteInput<R extends RouteContract> {
  readonly params: R["params"] extends z.ZodType ? z.output<R["params"]> : undefined;
  readonly query: R["query"] extends z.ZodType ? z.output<R["query"]> : undefined;
  readonly body: R["body"] extends z.ZodType ? z.output<R["body"]> : undefined;
}
