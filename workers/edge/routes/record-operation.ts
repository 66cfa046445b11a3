import { platformCustomerId } from "../../../schema/audit/entry.ts";
import { returnedHeader } from "../../../schema/forwarded.ts";
import { isRegion, regionNames } from "../../../schema/regions.ts";
import { auditEntry, mayHaveChanged } from "../../serve/audit-entry.ts";
import { interrupted } from "../../serve/interrupted.ts";
import { failureResponse } from "../../serve/serve.ts";
import type { ClientRequest } from "../request/read-request.ts";
import type { Edge } from "../settings.ts";
import type { ContractMatch } from "./handler.ts";

/**
 * Records what an operator did through global or the edge, neither of which has a log: in the log of the customer that global says it
 * was about, in that customer's default region; else in the platform's own, in the first region. A change is answered when the
 * queue has its record; 503 if that cannot be had.
 */
export async function recordOperation(
  response: Response,
  operatorId: string,
  request: ClientRequest,
  match: ContractMatch,
  edge: Edge,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<Response> {
  const [customerId = "", defaultRegion] = response.headers.get(returnedHeader.concerns)?.split("/") ?? [];
  const region = isRegion(defaultRegion) ? defaultRegion : regionNames[0];
  const nobody = { userId: null, apiKeyId: null, sessionId: null };
  const subject = { ...nobody, customerId: customerId || platformCustomerId, detail: `operator ${operatorId}` };
  const resource = response.headers.get(returnedHeader.resource);
  const entry = auditEntry(request, match, subject, { status: response.status, resource });
  if (!mayHaveChanged(request.method, response.status)) {
    edge.records.later(region, entry, waitUntil);
    return response;
  }
  try {
    await edge.records.now(region, entry, waitUntil);
    return response;
  } catch (cause) {
    await response.body?.cancel();
    return failureResponse(interrupted(cause), request, { worker: "edge", operation: match.contract.operationId });
  }
}
