import type postgres from "postgres";
import type { AcceptedEvent, SealedEvent } from "../../../durable-objects/event-writer/event.ts";

/** For how long an `Idempotency-Key` names the event that it made, in milliseconds. */
const namedMs = 24 * 3_600_000;

/** What an event that could not be inserted conflicts with. `free`: nothing any more; it may be inserted now. */
export type Earlier = AcceptedEvent | { readonly kind: "idempotency_mismatch" } | { readonly kind: "free" };

interface Row {
  readonly at: number;
  readonly id: string;
  readonly created_at: Date;
  readonly request_hash: string | null;
  readonly deliveries: number;
  readonly delivery_id: string | null;
}

/**
 * Finds what events conflict with, in order: themselves, committed by an attempt whose answer was lost, or what the same request made
 * within a day. An event that is older than that gives up the request's name.
 */
export async function findEarlier(sql: postgres.Sql, events: readonly SealedEvent[], now: number): Promise<Earlier[]> {
  const wanted = events.map(({ customerId, id, request }, at) => ({
    at,
    customer_id: customerId,
    id,
    request_key: request?.key ?? null,
  }));
  const oldest = new Date(now - namedMs);
  const rows = await sql<Row[]>`
    with wanted as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(wanted)}::text::jsonb)
        as w(at int, customer_id text, id text, request_key text)
    ), expired as (
      update events e set request_key = null, request_hash = null
        from wanted w where e.customer_id = w.customer_id and e.request_key = w.request_key
          and e.created_at < ${oldest}
    )
    select w.at, e.id, e.created_at, e.request_hash, d.deliveries, d.delivery_id
      from wanted w
        cross join lateral (
          (select id, customer_id, created_at, request_hash from events where customer_id = w.customer_id and id = w.id)
          union all
          (select id, customer_id, created_at, request_hash from events where customer_id = w.customer_id and request_key = w.request_key
            and created_at >= ${oldest})
          limit 1
        ) e
        cross join lateral (select count(*)::int as deliveries, min(id) as delivery_id from deliveries
          where customer_id = e.customer_id and event_id = e.id) d`;
  const found = new Map(rows.map((row) => [row.at, row]));
  return events.map((event, at) => earlierOf(event, found.get(at)));
}

function earlierOf(event: SealedEvent, row: Row | undefined): Earlier {
  if (row === undefined) return { kind: "free" };
  const isItself = row.id === event.id;
  if (!isItself && row.request_hash !== event.request?.hash) return { kind: "idempotency_mismatch" };
  const { id, created_at, deliveries, delivery_id: deliveryId } = row;
  return { kind: "accepted", id, createdAt: created_at.getTime(), deliveries, deliveryId, repeated: !isItself };
}
