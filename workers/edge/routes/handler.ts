import type { Match } from "../../serve/match-route.ts";
import type { ClientRequest } from "../request/read-request.ts";
import type { Edge } from "../settings.ts";

/** A response: the edge's `own`, or one that a region has finished and that is `passed` on. */
export type Answer =
  | { readonly kind: "own"; readonly response: Response }
  | { readonly kind: "passed"; readonly response: Response };

/** A route of the contract that a request asks for. */
export type ContractMatch = Extract<Match, { kind: "contract" }>;

/** Answers a route of the contract at the edge. Throws `AppError` to refuse. */
export type EdgeHandler = (
  request: ClientRequest,
  match: ContractMatch,
  edge: Edge,
  waitUntil: (promise: Promise<unknown>) => void,
) => Promise<Answer>;
