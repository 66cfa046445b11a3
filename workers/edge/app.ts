import { AppError } from "../../schema/errors.ts";
import type { RouteContract } from "../../schema/http/route.ts";
import { routes } from "../../schema/http/routes.ts";
import { authorize } from "../serve/authorize.ts";
import { handleCreateEvents } from "./routes/event-batch.ts";
import { handleCreateEvent } from "./routes/events.ts";
import { handleInRegions } from "./routes/in-regions.ts";
import { handleLimits } from "./routes/limits.ts";
import { handleOperator } from "./routes/operator.ts";
import { handleHealth, handleJwks, handleOpenApi } from "./routes/platform.ts";
import { handleSignIn } from "./routes/sign-in.ts";
import { handleCreateUser, handleListUsers, handleOneUser } from "./routes/users.ts";
import { admit } from "./stages/admit.ts";
import { authenticate } from "./stages/authenticate.ts";
import { isPreflight, preflightResponse } from "./stages/cors.ts";
import { forward } from "./stages/forward.ts";
import { activeCustomer, refuseClosed, refuseTravel } from "./stages/locate.ts";
import { compileRoutes } from "./stages/match-route.ts";
import type { Passage } from "./stages/passage.ts";

const matchRoute = compileRoutes(routes);

/** The route table: which of the edge's answers a request gets. Throws `AppError` to refuse. */
export async function route(passage: Passage, global: Fetcher): Promise<Response> {
  const { request, facts, edge, waitUntil } = passage;
  if (isPreflight(request, facts.url.pathname)) {
    passage.corsOrigins = await edge.config.corsOrigins(waitUntil);
    return preflightResponse(request.headers.get("origin"), passage.corsOrigins);
  }
  const match = matchRoute(request.method, facts.url.pathname);
  if (match.kind === "options") return new Response(null, { status: 204, headers: { allow: match.allow } });
  if (match.kind === "proxied") return asPrincipal(passage, null, {});
  const { contract, params } = match;
  passage.operation = contract.operationId;
  passage.contract = contract;
  passage.params = params;
  switch (contract.access.who) {
    case "public":
      return publicRoute(passage, contract);
    case "operator":
      return handleOperator(passage, contract, params, global);
    default:
      return asPrincipal(passage, contract, params);
  }
}

async function publicRoute(passage: Passage, contract: RouteContract): Promise<Response> {
  switch (contract.operationId) {
    case "getHealth":
      return handleHealth();
    case "getOpenApi":
      return handleOpenApi();
    case "getJwks":
      return handleJwks(passage);
    case "createSession":
      return handleSignIn(passage);
    default:
      throw new AppError("not_found");
  }
}

/** The way of an authenticated request: authenticate, locate, admit, authorize, serve. `contract` null: the customer's own API. */
async function asPrincipal(
  passage: Passage,
  contract: RouteContract | null,
  params: Readonly<Record<string, string>>,
): Promise<Response> {
  const { facts, edge } = passage;
  const claimed = await authenticate(passage);
  await refuseClosed(passage, claimed.region).catch((error: unknown) => {
    passage.region = claimed.region;
    throw error;
  });
  if (claimed.session !== null) {
    const claimedCustomer = await activeCustomer(passage, claimed.session.customerId);
    passage.corsOrigins = claimedCustomer.cors_origins;
    refuseTravel(claimedCustomer, claimed, facts.country);
  }
  const admitted = await admit(passage, claimed);
  const { principal } = admitted;
  const customer = await activeCustomer(passage, principal.customer_id);
  passage.corsOrigins = customer.cors_origins;
  if (contract !== null) authorize(contract.access, principal);
  switch (contract?.operationId) {
    case "getLimits":
      return handleLimits(passage, admitted);
    case "createEvent":
      return handleCreateEvent(passage, principal);
    case "createEvents":
      return handleCreateEvents(passage, principal);
    case "createUser":
      return handleCreateUser(passage, principal, customer);
    case "listUsers":
      return handleListUsers(passage, principal, customer);
    case "getUser":
    case "updateUser":
    case "deleteUser":
      return handleOneUser(passage, principal, params["id"] ?? "");
    default:
      if (contract?.query?.shape["region"] !== undefined)
        return handleInRegions(passage, contract, principal, customer);
      passage.proxied = contract === null;
      return forward(edge.workers[principal.region], passage, { actor: principal });
  }
}
