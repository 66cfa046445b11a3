import type postgres from "postgres";
import type { SealedEvent } from "../../../durable-objects/event-writer/event.ts";
import { newId } from "../../../schema/ids.ts";
import type { DisabledReason } from "../../../schema/webhooks/delivery.ts";
import type { TransactionSql } from "../database.ts";
import { liveDataKey } from "../events/data-key.ts";
import { insertEvents } from "../events/insert.ts";
import { settingsOf, type RegionSettings } from "../settings.ts";
import { sealFor } from "./customer-keys.ts";
import { handOver } from "./hand-over.ts";

/**
 * Disables an endpoint and, in the same transaction, tells its customer's other endpoints of this region by `webhook_endpoint.disabled`.
 * Nothing if it is disabled.
 */
export async function disableEndpoint(
  client: postgres.Sql,
  env: RegionEnv,
  endpointId: string,
  reason: DisabledReason,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<void> {
  const settings = settingsOf(env);
  const due = await client.begin(async (sql) => {
    const [row] = await sql<{ customer_id: string; failing_since: Date | null }[]>`
      update webhook_endpoints set status = 'disabled', disabled_reason = ${reason}, updated_at = now()
        where id = ${endpointId} and status = 'enabled' and deleted_at is null returning customer_id, failing_since`;
    if (row === undefined) return [];
    const facts = { endpoint_id: endpointId, reason, failing_since: row.failing_since?.toISOString() ?? null };
    const event = await announcement(sql, settings, row.customer_id, endpointId, JSON.stringify(facts));
    const { events, due: made } = await insertEvents(sql, settings.region, [event]);
    // Rolled back, and done again when the Courier comes back to it: the data key was destroyed, or is being rewrapped, just now.
    if (events[0]?.kind !== "inserted") throw new Error(`a notification was not inserted: ${events[0]?.kind}`);
    return made;
  });
  waitUntil(handOver(env, due, 0));
}

async function announcement(
  sql: TransactionSql,
  { region, customerKeys }: RegionSettings,
  customerId: string,
  endpointId: string,
  data: string,
): Promise<SealedEvent> {
  const id = newId("event");
  const key = await liveDataKey(sql, customerKeys, customerId);
  const ring = await customerKeys.ringOf(customerId, [key]);
  if (ring === null) throw new Error("a ring of one key is not empty");
  return {
    customerId,
    id,
    type: "webhook_endpoint.disabled",
    userId: null,
    size: Buffer.byteLength(data),
    payload: await sealFor(ring, { kind: "payload", customerId, eventId: id, region }, data),
    keyVersion: key.version,
    createdAt: Date.now(),
    request: null,
    to: { except: endpointId },
    copies: "excluded",
  };
}
