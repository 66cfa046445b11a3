import type { AuditEntry } from "../../../schema/audit/entry.ts";
import type { RouteContract } from "../../../schema/http/route.ts";
import type { Region } from "../../../schema/regions.ts";
import { principalOf, type Served } from "../../serve/served.ts";
import { entryOf } from "../audit/entry-of.ts";

/**
 * The audit record of a request that emits events, for the event writer to send with those of other requests. Null where another Worker
 * call of the same request records it: of an actor of another region, and of a part of a batch.
 */
export function requestEntry(
  { action, resource }: Pick<RouteContract, "action" | "resource">,
  served: Served,
  region: Region,
): AuditEntry | null {
  const { customer_id: customerId, region: home } = principalOf(served);
  if (home !== region || served.positions !== null) return null;
  return entryOf({ customerId, action, resourceType: resource, resourceId: null, detail: null }, served, region);
}
