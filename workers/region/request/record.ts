import { returnedHeader } from "../../../schema/forwarded.ts";
import { auditEntry, mayHaveChanged, type Subject } from "../../serve/audit-entry.ts";
import { interrupted } from "../../serve/interrupted.ts";
import type { Match } from "../../serve/match-route.ts";
import type { Received } from "../../serve/receive.ts";
import { failureResponse } from "../../serve/serve.ts";
import { settingsOf } from "../settings.ts";
import { isolateOf } from "./isolate.ts";

/** A response whose request is recorded or has changed nothing (`settled`), or not. */
export interface Recorded {
  readonly response: Response;
  readonly settled: boolean;
  /** Whether the response is the customer's own. */
  readonly proxied: boolean;
}

const refusals = new Set([401, 403, 429]);

/**
 * Records a request of a known subject. A request that may have changed something is answered when its record is durable; if that
 * fails, the response is 503 whatever happened, and the edge tries to record it. Refusals are counted, and recorded behind the
 * response, as is everything else.
 */
export async function record(
  response: Response,
  proxied: boolean,
  request: { readonly received: Received; readonly match: Match; readonly subject: Subject | null },
  env: RegionEnv,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<Recorded> {
  const { received, match, subject } = request;
  // A handler may have made the record before it answered. A customer's own API cannot say so.
  const isRecorded = !proxied && response.headers.has(returnedHeader.recorded);
  if (subject === null || isRecorded) return { response, settled: true, proxied };
  const { status } = response;
  const resource = proxied ? null : response.headers.get(returnedHeader.resource);
  const entry = auditEntry(received, match, subject, { status, resource });
  const { region } = settingsOf(env);
  const isolate = isolateOf(env);
  if (!proxied && refusals.has(status)) {
    isolate.refusals.add(entry, { [`${entry.action} ${status}`]: 1 }, waitUntil);
  } else if (mayHaveChanged(received.method, status)) {
    try {
      await isolate.records.now(region, entry, waitUntil);
    } catch (cause) {
      await response.body?.cancel();
      const context = { worker: "region", operation: "record" };
      return { response: failureResponse(interrupted(cause), received, context), settled: false, proxied: false };
    }
  } else {
    isolate.records.later(region, entry, waitUntil);
  }
  return { response, settled: true, proxied };
}
