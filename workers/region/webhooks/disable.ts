import type postgres from "postgres";
import { newId } from "../../../schema/ids.ts";
import type { DisabledReason } from "../../../schema/webhooks/delivery.ts";
import { insertEvent } from "../events/insert.ts";
import { settingsOf } from "../settings.ts";
import { handOver } from "./hand-over.ts";

/** Disables an endpoint and, in the same transaction, tells its customer's other endpoints by `webhook_endpoint.disabled`. Nothing if it is disabled. */
export async function disableEndpoint(
  client: postgres.Sql,
  env: RegionEnv,
  endpointId: string,
  reason: DisabledReason,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<void> {
  const settings = settingsOf(env);
  const due = await client.begin(async (sql) => {
    const [row] = await sql<{ customer_id: string; url: string; failing_since: Date | null }[]>`
      update webhook_endpoints set status = 'disabled', disabled_reason = ${reason}, updated_at = now()
        where id = ${endpointId} and status = 'enabled' and deleted_at is null returning customer_id, url, failing_since`;
    if (row === undefined) return [];
    const data = { endpoint_id: endpointId, reason, failing_since: row.failing_since?.toISOString() ?? null };
    const event = {
      customerId: row.customer_id,
      id: newId("event"),
      type: "webhook_endpoint.disabled",
      userId: null,
      data: JSON.stringify(data),
      createdAt: new Date(),
      request: null,
      to: { except: endpointId },
    };
    const inserted = await insertEvent(sql, settings, event, null);
    return inserted?.deliveries ?? [];
  });
  waitUntil(handOver(env, due, 0));
}
