import type { AuditEntry } from "../../../schema/audit/entry.ts";
import { newId, timeOfId } from "../../../schema/ids.ts";
import type { Region } from "../../../schema/regions.ts";
import type { Served } from "../../serve/served.ts";

/** What a handler records of its request. */
export interface Described {
  readonly customerId: string;
  readonly action: string;
  readonly resourceType: string;
  readonly resourceId: string | null;
  /** Free text. Personal. */
  readonly detail: string | null;
}

/** Whether the actor of a request belongs to this region. An actor of another region is recorded at home too. */
export function isAtHome({ actor }: Served, region: Region): boolean {
  return actor === null || actor.type === "operator" || actor.region === region;
}

/** The record of a successful request, made by its handler. An actor of another region leaves no address here. */
export function entryOf(
  { customerId, action, resourceType, resourceId, detail }: Described,
  served: Served,
  region: Region,
): AuditEntry {
  const { actor } = served;
  const atHome = isAtHome(served, region);
  const id = newId("auditRecord");
  return {
    id,
    customer_id: customerId,
    user_id: actor?.type === "user" ? actor.id : null,
    api_key_id: actor?.type === "api_key" ? actor.id : null,
    action,
    resource_type: resourceType,
    resource_id: resourceId,
    outcome: "success",
    timestamp: timeOfId(id),
    request_id: served.requestId,
    ip_address: atHome ? served.clientAddress.slice(0, 64) : null,
    user_agent: atHome ? (served.userAgent?.slice(0, 512) ?? null) : null,
    detail: detail?.slice(0, 1024) ?? null,
  };
}
