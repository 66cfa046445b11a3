import { platformCustomerId } from "../../../schema/audit/entry.ts";
import type { Customer } from "../../../schema/config.ts";
import { AppError } from "../../../schema/errors.ts";
import { resourceHeader } from "../../../schema/forwarded.ts";
import { getMetrics, inRegion, operatorDecryptEvent } from "../../../schema/http/operations.ts";
import { createCustomerUser } from "../../../schema/http/operator.ts";
import type { RouteContract } from "../../../schema/http/route.ts";
import { isId } from "../../../schema/ids.ts";
import { regionNames } from "../../../schema/regions.ts";
import { validate } from "../../serve/validate.ts";
import { authenticateOperator } from "../stages/authenticate-operator.ts";
import { refuseForeignPage } from "../stages/csrf.ts";
import { forward } from "../stages/forward.ts";
import { forwardToAny } from "../stages/forward-to-any.ts";
import type { Passage } from "../stages/passage.ts";
import { handleMetrics } from "./metrics.ts";
import { settleHome } from "./users.ts";

/** Operator routes: served by global, but for a customer's user, who is made at home. */
export async function handleOperator(
  passage: Passage,
  contract: RouteContract,
  params: Readonly<Record<string, string>>,
  global: Fetcher,
): Promise<Response> {
  const { request, facts, edge, waitUntil } = passage;
  refuseForeignPage(request, facts.url.origin);
  const actor = await authenticateOperator(request, edge);
  const detail = `operator ${actor.id}`.slice(0, 1024);
  const of = { userId: null, apiKeyId: null, sessionId: null, detail };
  passage.recorded = { ...of, customerId: platformCustomerId, region: regionNames[0] };
  if (contract.operationId === createCustomerUser.operationId) {
    const id = params["id"] ?? "";
    const customer = isId("customer", id) ? await edge.config.customer(id, waitUntil) : null;
    if (customer === null) throw new AppError("not_found");
    const { region, bytes } = await settleHome(passage, customer);
    passage.recorded = { ...of, customerId: customer.id, region };
    return forward(edge.workers[region], passage, { actor, body: bytes });
  }
  if (contract.operationId === getMetrics.operationId) return handleMetrics(passage, actor);
  if (contract.servedBy === "region") {
    const query = Object.fromEntries(facts.url.searchParams);
    if (contract.operationId === operatorDecryptEvent.operationId) {
      const { region } = validate(operatorDecryptEvent.query, query);
      return forwardToAny(passage, actor, region === undefined ? regionNames : [region]);
    }
    const { region } = validate(inRegion, query);
    const about = contract.resource === "customer" ? await customerOf(passage, params, null) : null;
    passage.recorded = { ...of, customerId: about?.id ?? platformCustomerId, region };
    return forward(edge.workers[region], passage, { actor });
  }
  const response = await forward(global, passage, { actor });
  const about = contract.resource === "customer" ? await customerOf(passage, params, response) : null;
  // What is done to a customer is in that customer's own log.
  if (about !== null) passage.recorded = { ...of, customerId: about.id, region: about.default_region };
  // What was changed through this isolate is seen by it at once; by the others when their copy ages.
  if (response.ok && request.method !== "GET" && request.method !== "HEAD") edge.config.forget();
  return response;
}

/** The customer that a request was about: the one that its path names, or that it made. */
async function customerOf(
  { edge, waitUntil }: Passage,
  params: Readonly<Record<string, string>>,
  response: Response | null,
): Promise<Customer | null> {
  const id = params["id"] ?? response?.headers.get(resourceHeader) ?? "";
  return isId("customer", id) ? edge.config.customer(id, waitUntil).catch(() => null) : null;
}
