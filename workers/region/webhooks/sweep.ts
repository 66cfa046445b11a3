import type postgres from "postgres";
import type { DueDelivery } from "../../../schema/webhooks/message.ts";
import { withClient } from "../../serve/database.ts";
import type { Invocation } from "../../serve/invocation.ts";
import { handOver } from "./hand-over.ts";
import { settingsOf } from "../settings.ts";
import { publishChanges } from "./publish.ts";

/** Endpoints in one sweep: the next comes in a minute. */
const maximumEndpoints = 5000;

/**
 * Hands over what is due, pending or parked, and nobody has taken up: what a crash between commit and queue, or a queue that refused, has left. One delivery for each
 * endpoint is enough: its Courier looks for the rest. Publishes what of endpoints other regions have not been told, too.
 */
export async function sweep(env: RegionEnv, invocation: Invocation): Promise<void> {
  const before = new Date(Date.now() - settingsOf(env).webhookOverdueMs);
  const { due, parked } = await withClient(
    env.DB_WEBHOOKS,
    async (sql) => ({ due: await overdue(sql, before), parked: await overdueParked(sql, before) }),
    invocation,
  );
  if (due.length > 0) console.warn(JSON.stringify({ level: "warn", event: "webhooks.swept", endpoints: due.length }));
  await handOver(
    env,
    [...due, ...parked].map(({ id, endpoint_id }) => ({ id, endpoint_id })),
    0,
  );
  await publishChanges(env, invocation);
}

/** By a loose index scan: from one endpoint to the next, however much waits at each. */
function overdue(sql: postgres.Sql, before: Date): Promise<DueDelivery[]> {
  return sql<DueDelivery[]>`
    with recursive waiting as (
      (select endpoint_id, id from deliveries where status = 'pending' and next_attempt_at < ${before} order by endpoint_id limit 1)
      union all
      select next.endpoint_id, next.id from waiting, lateral (
        select endpoint_id, id from deliveries where status = 'pending' and next_attempt_at < ${before}
          and endpoint_id > waiting.endpoint_id order by endpoint_id limit 1
      ) next
    )
    select id, endpoint_id from waiting limit ${maximumEndpoints}`;
}

/** Dead letters that may be looked at again: their Couriers have alarms of their own, unless one was lost. */
function overdueParked(sql: postgres.Sql, before: Date): Promise<DueDelivery[]> {
  return sql<DueDelivery[]>`
    select parked.id, e.id as endpoint_id from webhook_endpoints e, lateral (
        select id from deliveries where endpoint_id = e.id and status = 'dead_letter' and redrive_at < ${before} limit 1
      ) parked
      where e.status = 'enabled' and e.deleted_at is null limit ${maximumEndpoints}`;
}
