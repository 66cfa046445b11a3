import { platformCustomerId } from "../../../schema/audit/entry.ts";
import { AppError } from "../../../schema/errors.ts";
import { returnedHeader, type Caller } from "../../../schema/forwarded.ts";
import type { Region } from "../../../schema/regions.ts";
import { auditEntry, claimedSubject, mayHaveChanged, type Subject } from "../../serve/audit-entry.ts";
import { interrupted } from "../../serve/interrupted.ts";
import { logFailure } from "../../serve/log-failure.ts";
import type { Match } from "../../serve/match-route.ts";
import type { Edge } from "../settings.ts";
import { passOn } from "./finish.ts";
import { forward, type Forwarding } from "./forward.ts";
import type { ClientRequest } from "./read-request.ts";

/**
 * Sends a request to a region: the one call that leaves the edge. Throws `unavailable` (503) when the region does not respond. If the
 * request may have changed something that the region did not record, the edge records it first, and the error says so.
 */
export async function askRegion(
  region: Region,
  request: ClientRequest,
  match: Match,
  forwarding: Forwarding,
  edge: Edge,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<Response> {
  const { caller } = forwarding;
  const outcome = await forward(edge.regions[region], request, forwarding).catch((cause: unknown) => ({ cause }));
  if (outcome instanceof Response && (outcome.status < 500 || outcome.headers.has(returnedHeader.settled))) {
    const customerId = outcome.headers.get(returnedHeader.customer);
    if (caller.kind === "api_key" && customerId !== null) edge.keyCustomers.set(caller.id, customerId);
    if (caller.kind === "session" || caller.kind === "api_key") edge.refusals.remember(caller, outcome, Date.now());
    return passOn(outcome, request);
  }
  const cause = outcome instanceof Response ? new Error(`the region responded with ${outcome.status}`) : outcome.cause;
  if (outcome instanceof Response) await outcome.body?.cancel();
  // A response to a sign-in attempt must not reveal the home region of the address.
  const headers: Record<string, string> = caller.kind === "guest" ? {} : { "domicile-region": region };
  if (!mayHaveChanged(request.method, 503)) throw new AppError("unavailable", { headers, cause });
  const recording = recordInterrupted(region, request, match, caller, edge, waitUntil);
  // Of a sign-in only one to a known address is recorded: whether it is must not show in the time.
  if (caller.kind === "guest") waitUntil(recording);
  else await recording;
  throw interrupted(cause, headers);
}

/** Records a request whose end is not known, in its home region's queue. A failure is logged: the client is warned anyway. */
async function recordInterrupted(
  region: Region,
  request: ClientRequest,
  match: Match,
  caller: Caller,
  edge: Edge,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<void> {
  const subject = subjectOf(caller, edge);
  if (subject === null) return;
  const entry = auditEntry(request, match, subject, { status: 503, resource: null });
  try {
    await edge.records.now(region, entry, waitUntil);
  } catch (error) {
    logFailure(error, { worker: "edge", requestId: request.requestId, operation: "record" });
  }
}

/**
 * Whose log an interrupted request is recorded in. An API key does not name its customer: the region named it with an earlier
 * response. Where this isolate has seen none, the record goes to the platform's log of that region, with the key's id, where an
 * operator finds it: better there than nowhere, and never in the wrong customer's log.
 */
function subjectOf(caller: Caller, edge: Edge): Subject | null {
  const none = { userId: null, apiKeyId: null, sessionId: null, detail: null };
  switch (caller.kind) {
    case "api_key":
      return { ...none, apiKeyId: caller.id, customerId: edge.keyCustomers.get(caller.id) ?? platformCustomerId };
    case "operator":
      return { ...none, customerId: platformCustomerId, detail: `operator ${caller.id}` };
    default:
      return claimedSubject(caller);
  }
}
