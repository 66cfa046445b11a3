import type { DueDelivery } from "../../../schema/webhooks/message.ts";
import { withClient } from "../../serve/database.ts";
import { handOver } from "./hand-over.ts";
import { publishChanges } from "./publish.ts";

/** For how long a delivery may be due before it is taken for forgotten, in milliseconds. */
const forgottenMs = 15_000;
/** Endpoints in one sweep: the next comes in a minute. */
const maximumEndpoints = 5000;

/**
 * Hands over what is due and nobody has taken up: what a crash between commit and queue, or a queue that refused, has left. One delivery for each
 * endpoint is enough: its Courier looks for the rest. Publishes what of endpoints other regions have not been told, too.
 */
export async function sweep(env: RegionEnv, waitUntil: (promise: Promise<unknown>) => void): Promise<void> {
  const before = new Date(Date.now() - forgottenMs);
  const due = await withClient(
    env.DB_WEBHOOKS,
    // A loose index scan: from one endpoint to the next, however much waits at each.
    (sql) => sql<DueDelivery[]>`
      with recursive waiting as (
        (select endpoint_id, id from deliveries where status = 'pending' and next_attempt_at < ${before} order by endpoint_id limit 1)
        union all
        select next.endpoint_id, next.id from waiting, lateral (
          select endpoint_id, id from deliveries where status = 'pending' and next_attempt_at < ${before}
            and endpoint_id > waiting.endpoint_id order by endpoint_id limit 1
        ) next
      )
      select id, endpoint_id from waiting limit ${maximumEndpoints}`,
    waitUntil,
  );
  const plain = due.map(({ id, endpoint_id }) => ({ id, endpoint_id }));
  if (plain.length > 0)
    console.warn(JSON.stringify({ level: "warn", event: "webhooks.swept", endpoints: plain.length }));
  await handOver(env, plain, 0);
  await publishChanges(env, waitUntil);
}
