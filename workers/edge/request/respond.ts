import { AppError } from "../../../schema/errors.ts";
import { matchRoute, type Match } from "../../serve/match-route.ts";
import { failureResponse } from "../../serve/serve.ts";
import { handlerOf } from "../routes/handlers.ts";
import type { Answer } from "../routes/handler.ts";
import { handleOperator } from "../routes/operator.ts";
import type { Edge } from "../settings.ts";
import { askRegion } from "./ask-region.ts";
import { authenticate } from "./authenticate.ts";
import { finishOwn } from "./finish.ts";
import { lookUpUsers } from "./look-up-users.ts";
import { isPreflight, preflightResponse } from "./preflight.ts";
import type { ClientRequest } from "./read-request.ts";

type WaitUntil = (promise: Promise<unknown>) => void;

/** Answers a client's request: at the edge what needs no region, and everything else with one call. Never rejects. */
export async function respond(request: ClientRequest, edge: Edge, waitUntil: WaitUntil): Promise<Response> {
  const answer = await route(request, edge, waitUntil).catch((error: unknown) => failed(error, request, "none"));
  if (answer.kind === "passed") return answer.response;
  return finishOwn(answer.response, request, await readableBy(request, edge, waitUntil));
}

async function route(request: ClientRequest, edge: Edge, waitUntil: WaitUntil): Promise<Answer> {
  if (isPreflight(request)) {
    const allowed = await edge.config.corsOrigins(waitUntil);
    return { kind: "own", response: preflightResponse(request.raw.headers.get("origin"), allowed) };
  }
  const match = matchRoute(request.method, request.url.pathname);
  if (match.kind === "options") {
    return { kind: "own", response: new Response(null, { status: 204, headers: { allow: match.allow } }) };
  }
  const operation = match.kind === "contract" ? match.contract.operationId : "proxy";
  return routeMatched(request, match, edge, waitUntil).catch((error: unknown) => failed(error, request, operation));
}

function failed(error: unknown, request: ClientRequest, operation: string): Answer {
  return { kind: "own", response: failureResponse(error, request, { worker: "edge", operation }) };
}

async function routeMatched(request: ClientRequest, match: Match, edge: Edge, waitUntil: WaitUntil): Promise<Answer> {
  if (match.kind === "contract") {
    const { access, operationId } = match.contract;
    const handler = handlerOf(operationId) ?? (access.who === "operator" ? handleOperator : undefined);
    if (handler !== undefined) return handler(request, match, edge, waitUntil);
    if (access.who === "public") throw new AppError("not_found");
  }
  const { region, caller } = await authenticate(request, edge, waitUntil);
  const repeated = edge.refusals.respond(region, caller, request, match, Date.now(), waitUntil);
  if (repeated !== null) return { kind: "own", response: repeated };
  const { userHomes, body } = await lookUpUsers(request, match, edge);
  const response = await askRegion(region, request, match, { caller, userHomes, body }, edge, waitUntil);
  return { kind: "passed", response };
}

/**
 * Origins whose pages may read what the edge itself responds. A page must be able to read why it was refused, and the customer is not
 * known here: any origin that some customer allows. Operator routes are not for pages of other origins.
 */
async function readableBy({ raw, url }: ClientRequest, edge: Edge, waitUntil: WaitUntil): Promise<readonly string[]> {
  if (!raw.headers.has("origin") || url.pathname.startsWith("/operator/")) return [];
  return edge.config.corsOrigins(waitUntil).catch(() => []);
}
