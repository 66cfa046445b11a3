import type { AuditEntry, Outcome } from "../../../schema/audit/entry.ts";
import { AppError } from "../../../schema/errors.ts";
import { recordedHeader, resourceHeader } from "../../../schema/forwarded.ts";
import type { RouteContract } from "../../../schema/http/route.ts";
import { newId, timeOfId } from "../../../schema/ids.ts";
import { problemResponse } from "../../../schema/problem.ts";
import { logFailure } from "../../serve/log-failure.ts";
import { templateOf } from "./path-template.ts";
import type { Passage, Recorded } from "./passage.ts";

/** Methods that change nothing (RFC 9110 §9.2.1). */
const safeMethods = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Makes the record of a request whose principal is known. One that may have changed something is answered only when its record is
 * durable; if that cannot be had, the answer is 503 whatever happened. Every other record follows the answer.
 */
export async function record(passage: Passage, response: Response): Promise<Response> {
  const { recorded, edge, waitUntil } = passage;
  if (recorded === null) return response;
  // The region has made the record before it answered. A customer's own API cannot say so.
  if (!passage.proxied && response.headers.has(recordedHeader)) return response;
  const entry = entryOf(passage, recorded, response);
  if (!mayHaveChanged(passage.request.method, response.status)) {
    edge.audit.later(recorded.region, entry, waitUntil);
    return response;
  }
  try {
    await edge.audit.now(recorded.region, entry, waitUntil);
    return response;
  } catch (cause) {
    await response.body?.cancel();
    const { requestId, url } = passage.facts;
    const error = new AppError("unavailable", {
      detail: "This may have been done, but could not be recorded. Look before you send it again.",
      cause,
    });
    logFailure(error, { worker: "edge", requestId, operation: passage.operation });
    passage.proxied = false;
    return problemResponse(error, { requestId, path: url.pathname });
  }
}

/** Whether a request may have changed something: not one that was refused, nor one by a safe method. */
function mayHaveChanged(method: string, status: number): boolean {
  return !safeMethods.has(method) && (status < 400 || status >= 500);
}

function entryOf(passage: Passage, recorded: Recorded, response: Response): AuditEntry {
  const { request, facts } = passage;
  const id = newId("auditRecord");
  return {
    id,
    customer_id: recorded.customerId,
    user_id: recorded.userId,
    api_key_id: recorded.apiKeyId,
    ...whatOf(passage, recorded, response),
    outcome: outcomeOf(response.status),
    timestamp: timeOfId(id),
    request_id: facts.requestId,
    ip_address: facts.clientAddress.slice(0, 64),
    user_agent: request.headers.get("user-agent")?.slice(0, 512) ?? null,
    detail: recorded.detail,
  };
}

function outcomeOf(status: number): Outcome {
  if (status < 400) return "success";
  return status === 401 || status === 403 || status === 429 ? "denied" : "error";
}

type What = Pick<AuditEntry, "action" | "resource_type" | "resource_id">;

/** What a request is called: by its route's contract, else by method and path template. */
function whatOf({ request, facts, contract, params, proxied }: Passage, recorded: Recorded, response: Response): What {
  if (contract === null) {
    const { template, resourceType, resourceId } = templateOf(facts.url.pathname);
    return { action: `${request.method} ${template}`, resource_type: resourceType, resource_id: resourceId };
  }
  const created = proxied ? null : response.headers.get(resourceHeader);
  return {
    action: contract.action,
    resource_type: contract.resource,
    resource_id: created ?? resourceIn(contract, params, recorded),
  };
}

/** The resource that a path names. What cannot be an id there is left out: it might be anything. */
function resourceIn(
  contract: RouteContract,
  params: Readonly<Record<string, string>>,
  recorded: Recorded,
): string | null {
  if (contract.path === "/v1/me") return recorded.userId ?? recorded.apiKeyId;
  if (contract.path.startsWith("/v1/sessions/current")) return recorded.sessionId;
  const given = Object.values(params)[0];
  if (given === undefined || contract.params?.safeParse(params).success !== true) return null;
  return given === "current" ? recorded.sessionId : given;
}
