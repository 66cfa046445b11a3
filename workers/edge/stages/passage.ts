import type { LimitState } from "../../../schema/admission.ts";
import type { LoginLookupApi } from "../../../schema/config.ts";
import type { Region } from "../../../schema/regions.ts";
import type { Edge } from "../settings.ts";
import type { RouteContract } from "../../../schema/http/route.ts";
import type { RequestFacts } from "./request-facts.ts";

/** Whom a request is recorded of, where: filled in as soon as somebody is known. */
export interface Recorded {
  readonly region: Region;
  readonly customerId: string;
  readonly userId: string | null;
  readonly apiKeyId: string | null;
  /** Stands for `current` in a path. */
  readonly sessionId: string | null;
  /** Free text. Personal. */
  readonly detail: string | null;
}

/** A request on its way through the edge: what is fixed, and what its answer will have to say, filled in as it becomes known. */
export interface Passage {
  readonly request: Request;
  readonly facts: RequestFacts;
  readonly edge: Edge;
  readonly directory: LoginLookupApi;
  readonly waitUntil: (promise: Promise<unknown>) => void;
  /** The operation's name, for the log. */
  operation: string;
  /** The route of the contract; null for the customer's own API. */
  contract: RouteContract | null;
  params: Readonly<Record<string, string>>;
  /** Whom the request is recorded of; null while nobody is known. */
  recorded: Recorded | null;
  /** The home region, once a principal is known. */
  region: Region | null;
  limits: readonly LimitState[];
  /** Origins that may read the answer: the customer's. Null until it is known; then those that some customer allows. */
  corsOrigins: readonly string[] | null;
  /** Whether the answer is the customer's own, whose headers are left alone where they can be. */
  proxied: boolean;
}
