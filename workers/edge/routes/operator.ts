import { AppError } from "../../../schema/errors.ts";
import { createCustomerUser } from "../../../schema/http/operator.ts";
import type { RouteContract } from "../../../schema/http/route.ts";
import { isId } from "../../../schema/ids.ts";
import { authenticateOperator } from "../stages/authenticate-operator.ts";
import { refuseForeignPage } from "../stages/csrf.ts";
import { forward } from "../stages/forward.ts";
import type { Passage } from "../stages/passage.ts";
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
  if (contract.operationId === createCustomerUser.operationId) {
    const id = params["id"] ?? "";
    const customer = isId("customer", id) ? await edge.config.customer(id, waitUntil) : null;
    if (customer === null) throw new AppError("not_found");
    const { region, bytes } = await settleHome(passage, customer);
    return forward(edge.workers[region], passage, { actor, body: bytes });
  }
  const response = await forward(global, passage, { actor });
  // What was changed through this isolate is seen by it at once; by the others when their copy ages.
  if (response.ok && request.method !== "GET" && request.method !== "HEAD") edge.config.forget();
  return response;
}
