import type { EndpointView } from "../../../schema/http/webhook-endpoints.ts";
import type { EndpointRecord } from "./find.ts";

/** An endpoint's row as the contract has it. */
export function presentEndpoint(row: EndpointRecord): EndpointView {
  return {
    id: row.id,
    url: row.url,
    event_types: row.eventTypes,
    description: row.description,
    status: row.status,
    disabled_reason: row.disabledReason,
    ordering: row.ordering,
    rate_per_second: row.ratePerSecond,
    signing: row.signing,
    public_key_id: row.publicKeyId,
    cross_region: row.crossRegion,
    region: row.homeRegion,
    failing_since: row.failingSince?.toISOString() ?? null,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
