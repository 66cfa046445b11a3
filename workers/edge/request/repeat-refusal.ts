import { Refusals } from "../../../durable-objects/gate/refusals.ts";
import { edgeUrl, returnedHeader, type ClaimedCaller } from "../../../schema/forwarded.ts";
import { refusalSchema, type RefusalReport } from "../../../schema/refusal.ts";
import type { Region } from "../../../schema/regions.ts";
import { auditEntry, callerSubject } from "../../serve/audit-entry.ts";
import { gateRefusal } from "../../serve/gate-refusal.ts";
import type { Match } from "../../serve/match-route.ts";
import { proofOf } from "../../serve/proof-of.ts";
import { aggregatedEntry, RefusalWindows } from "../../serve/refusal-windows.ts";
import { setRateLimitHeaders } from "../../serve/response-headers.ts";
import { failureResponse } from "../../serve/serve.ts";
import type { AuditSender } from "../../../queues/audit/send.ts";
import type { ClientRequest } from "./read-request.ts";

type WaitUntil = (promise: Promise<unknown>) => void;

/**
 * For how long refusals are counted here before they are reported to the region, in milliseconds: half of the region's own window,
 * so that both are one record.
 */
const windowMs = 5000;

/**
 * Repeats the refusals of Gates without a call: a used-up quota until it has refilled, a session or key that has ended. A refusal can
 * never admit too much. What is refused here is counted, and reported to the home region behind the response.
 */
export class RepeatedRefusals {
  readonly #remembered = new Refusals();
  readonly #windows: Readonly<Record<Region, RefusalWindows>>;

  constructor(regions: Readonly<Record<Region, Fetcher>>, records: AuditSender) {
    const windows = (region: Region): RefusalWindows =>
      new RefusalWindows(windowMs, async (entry, kinds, waitUntil) => {
        await report(regions[region], { entry, kinds }).catch(() =>
          records.later(region, aggregatedEntry(entry, kinds), waitUntil),
        );
      });
    this.#windows = { us: windows("us"), eu: windows("eu") };
  }

  /** Remembers the refusal that a region's response carries, if it does. */
  remember(caller: ClaimedCaller, response: Response, now: number): void {
    const refusal = response.headers.get(returnedHeader.refusal);
    if (refusal !== null) this.#remembered.remember(proofOf(caller), refusalSchema.parse(JSON.parse(refusal)), now);
  }

  /** The response to a request whose refusal is known; null if the region must be asked. */
  respond(
    region: Region,
    caller: ClaimedCaller,
    request: ClientRequest,
    match: Match,
    now: number,
    waitUntil: WaitUntil,
  ): Response | null {
    const refused = this.#remembered.find(proofOf(caller), now);
    if (refused === null) return null;
    const { error, limits } = gateRefusal(refused);
    const response = failureResponse(error, request, { worker: "edge", operation: "none" });
    setRateLimitHeaders(response.headers, limits);
    if (refused.kind === "limited") response.headers.set("domicile-region", region);
    const customerId = refused.kind === "limited" ? refused.facts.customer_id : customerOf(refused.refusal);
    const subject = callerSubject(caller, customerId);
    if (subject !== null) {
      const { status } = response;
      const entry = auditEntry(request, match, subject, { status, resource: null });
      this.#windows[region].add(entry, { [`${entry.action} ${status}`]: 1 }, waitUntil);
    }
    return response;
  }
}

function customerOf(refusal: object): string | null {
  return "customer_id" in refusal && typeof refusal.customer_id === "string" ? refusal.customer_id : null;
}

async function report(region: Fetcher, refused: RefusalReport): Promise<void> {
  const response = await region.fetch(edgeUrl.refusals, { method: "POST", body: JSON.stringify(refused) });
  if (!response.ok) throw new Error(`the region responded with ${response.status} to a report of refusals`);
}
