import type { AuditEntry, Outcome } from "../../schema/audit/entry.ts";
import type { Caller, ClaimedCaller } from "../../schema/forwarded.ts";
import { newId, timeOfId } from "../../schema/ids.ts";
import type { Match } from "./match-route.ts";
import { templateOf } from "./path-template.ts";
import type { Received } from "./receive.ts";

/** Whose log a request is recorded in, and who made it. */
export interface Subject {
  readonly customerId: string;
  readonly userId: string | null;
  readonly apiKeyId: string | null;
  /** What `current` in a path means. */
  readonly sessionId: string | null;
  /** Free text. Personal. */
  readonly detail: string | null;
}

/** A request, as far as its record describes it. */
export type RecordedRequest = Pick<Received, "method" | "url" | "requestId" | "clientAddress" | "userAgent">;

/** How it ended: the status, and the id of what was created, if anything was. */
export interface Ending {
  readonly status: number;
  readonly resource: string | null;
}

/** Methods that change nothing (RFC 9110 §9.2.1). */
const safeMethods = new Set(["GET", "HEAD", "OPTIONS"]);

/** Whether a request with this method and final status may have changed something. */
export function mayHaveChanged(method: string, status: number): boolean {
  return !safeMethods.has(method) && (status < 400 || status >= 500);
}

/** Who made a request, as its credential says; null where no customer's log is concerned. */
export function claimedSubject(caller: Caller): Subject | null {
  const none = { userId: null, apiKeyId: null, sessionId: null, detail: null };
  switch (caller.kind) {
    case "session":
      return { ...none, customerId: caller.customer_id, userId: caller.id, sessionId: caller.session_id };
    case "guest":
      return caller.login && { ...none, customerId: caller.login.customer_id, userId: caller.login.user_id };
    default:
      // The customer of an API key is not in the key, and operators have none.
      return null;
  }
}

/** Who made a request with a credential. `customerId`: the customer, where it is known; an API key does not name it. */
export function callerSubject(caller: ClaimedCaller, customerId: string | null): Subject | null {
  if (caller.kind === "session") return claimedSubject(caller);
  return customerId === null ? null : { customerId, userId: null, apiKeyId: caller.id, sessionId: null, detail: null };
}

/** The audit record of one request. */
export function auditEntry(request: RecordedRequest, match: Match, subject: Subject, ending: Ending): AuditEntry {
  const id = newId("auditRecord");
  return {
    id,
    customer_id: subject.customerId,
    user_id: subject.userId,
    api_key_id: subject.apiKeyId,
    ...nameOf(request, match, subject, ending),
    outcome: outcomeOf(ending.status),
    timestamp: timeOfId(id),
    request_id: request.requestId,
    ip_address: request.clientAddress.slice(0, 64),
    user_agent: request.userAgent?.slice(0, 512) ?? null,
    detail: subject.detail?.slice(0, 1024) ?? null,
  };
}

function outcomeOf(status: number): Outcome {
  if (status < 400) return "success";
  return status === 401 || status === 403 || status === 429 ? "denied" : "error";
}

/** What a request is called: by its route's contract, else by method and path template. */
function nameOf(
  { method, url }: RecordedRequest,
  match: Match,
  subject: Subject,
  { resource }: Ending,
): Pick<AuditEntry, "action" | "resource_type" | "resource_id"> {
  if (match.kind !== "contract") {
    const { template, resourceType, resourceId } = templateOf(url.pathname);
    return { action: `${method} ${template}`, resource_type: resourceType, resource_id: resourceId };
  }
  const { contract } = match;
  return {
    action: contract.action,
    resource_type: contract.resource,
    resource_id: resource ?? namedIn(match, subject),
  };
}

/** The resource that a path names. What cannot be an id there is left out, because it may be anything. */
function namedIn(
  { contract, params }: Extract<Match, { kind: "contract" }>,
  { userId, apiKeyId, sessionId }: Subject,
): string | null {
  if (contract.path === "/v1/me") return userId ?? apiKeyId;
  if (contract.path.startsWith("/v1/sessions/current")) return sessionId;
  const given = Object.values(params)[0];
  if (given === undefined || contract.params?.safeParse(params).success !== true) return null;
  return given === "current" ? sessionId : given;
}
