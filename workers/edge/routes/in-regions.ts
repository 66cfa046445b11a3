import { z } from "zod";
import type { Customer } from "../../../schema/config.ts";
import type { RouteContract } from "../../../schema/http/route.ts";
import type { Principal } from "../../../schema/principal.ts";
import { regionSchema } from "../../../schema/regions.ts";
import { invalid, validate } from "../../serve/validate.ts";
import { forwardToAny } from "../stages/forward-to-any.ts";
import type { Passage } from "../stages/passage.ts";

const querySchema = z.object({ region: regionSchema.optional() });

/**
 * What belongs to a region of the customer (audit records, events, endpoints, deliveries): served by the one that `?region=` names; else what has
 * an id by whichever has it, the caller's home first, and everything else at home. Another region's audit log is read by its name only.
 */
export async function handleInRegions(
  passage: Passage,
  contract: RouteContract,
  principal: Principal,
  customer: Customer,
): Promise<Response> {
  const query = validate(querySchema, Object.fromEntries(passage.facts.url.searchParams));
  const home = principal.region;
  if (query.region !== undefined) {
    if (query.region !== home && !customer.allowed_regions.includes(query.region))
      throw invalid("region", "is not one of the customer's regions");
    return forwardToAny(passage, principal, [query.region]);
  }
  const atHome = passage.params["id"] === undefined || contract.resource === "audit_log";
  const others = atHome ? [] : customer.allowed_regions.filter((region) => region !== home);
  return forwardToAny(passage, principal, [home, ...others]);
}
