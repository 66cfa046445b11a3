import { withClient } from "../../serve/database.ts";
import type { Invocation } from "../../serve/invocation.ts";

/** For how many days the payload of an event that is delivered is kept, and the event itself. */
const keptDays = { payload: 30, event: 90 };
/** Rows at once. */
const batchRows = 1000;

/** What was forgotten in a night. */
export interface Forgotten {
  readonly payloads: number;
  readonly events: number;
}

/**
 * Erases the payloads of events that were delivered long ago, or whose user was deleted, then the events. What waits, or is parked for an endpoint
 * that there still is, keeps its payload. For `budgetMs` at most; the next night goes on.
 */
export function forgetOldEvents(
  env: RegionEnv,
  now: number,
  budgetMs: number,
  invocation: Invocation,
): Promise<Forgotten> {
  const deadline = Date.now() + budgetMs;
  const before = (days: number): Date => new Date(now - days * 86_400_000);
  return withClient(
    env.DB_WEBHOOKS,
    async (sql) => {
      const done = sql`not exists (select from deliveries d
        where d.customer_id = e.customer_id and d.event_id = e.id and (d.status = 'pending' or d.redrive_at is not null)
          and exists (select from webhook_endpoints w where w.customer_id = d.customer_id and w.id = d.endpoint_id and w.deleted_at is null))`;
      const forgotten = { payloads: 0, events: 0 };
      for (let rows = batchRows; rows === batchRows && Date.now() < deadline;) {
        // oxlint-disable-next-line no-await-in-loop -- a batch after the other
        const { count } = await sql`update events u set payload = null from (
          select customer_id, id from events e where payload is not null and ${done}
            and (created_at < ${before(keptDays.payload)} or erase_when_done) limit ${batchRows}) old where u.customer_id = old.customer_id and u.id = old.id`;
        rows = count;
        forgotten.payloads += count;
      }
      for (let rows = batchRows; rows === batchRows && Date.now() < deadline;) {
        // oxlint-disable-next-line no-await-in-loop -- a batch after the other
        rows = await sql.begin(async (tx) => {
          const old = await tx<{ customer_id: string; id: string }[]>`
            select customer_id, id from events e where created_at < ${before(keptDays.event)} and ${done} order by created_at limit ${batchRows}`;
          const ids = JSON.stringify(old);
          const named = tx`(select customer_id, id from jsonb_to_recordset(${ids}::text::jsonb) as o(customer_id text, id text))`;
          await tx`delete from delivery_attempts a using deliveries d where d.customer_id = a.customer_id and d.id = a.delivery_id
            and (d.customer_id, d.event_id) in ${named}`;
          await tx`delete from deliveries where (customer_id, event_id) in ${named}`;
          await tx`delete from events where (customer_id, id) in ${named}`;
          return old.length;
        });
        forgotten.events += rows;
      }
      await sql`delete from webhook_secrets where expires_at < now()`;
      return forgotten;
    },
    invocation,
  );
}
