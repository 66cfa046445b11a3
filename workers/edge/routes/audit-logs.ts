import { z } from "zod";
import type { Customer } from "../../../schema/config.ts";
import type { Principal } from "../../../schema/principal.ts";
import { regionSchema } from "../../../schema/regions.ts";
import { invalid, validate } from "../../serve/validate.ts";
import { forward } from "../stages/forward.ts";
import { refuseClosed } from "../stages/locate.ts";
import type { Passage } from "../stages/passage.ts";

const querySchema = z.object({ region: regionSchema.optional() });

/** `/v1/audit-logs…`: each region has its own log, and answers for it; the caller's home unless `?region=` names another. */
export async function handleAuditLogs(passage: Passage, principal: Principal, customer: Customer): Promise<Response> {
  const query = validate(querySchema, Object.fromEntries(passage.facts.url.searchParams));
  const region = query.region ?? principal.region;
  if (region !== principal.region && !customer.allowed_regions.includes(region)) {
    throw invalid("region", "is not one of the customer's regions");
  }
  await refuseClosed(passage, region);
  return forward(passage.edge.workers[region], passage, { actor: principal });
}
