import type postgres from "postgres";
import type { SealedEvent } from "../../../durable-objects/event-writer/event.ts";
import type { Region } from "../../../schema/regions.ts";
import { filtersMatching } from "../../../schema/webhooks/event-type.ts";
import type { DueDelivery } from "../../../schema/webhooks/message.ts";

/** Why an event was not inserted; see `Verdict` and `Outcome` of the event writer. */
export type Refusal = "unknown_user" | "stale_key" | "copies_unknown" | "busy";

/** The outcome of one event. `conflict`: its id or its `Idempotency-Key` is already stored. */
export type InsertedEvent =
  | { readonly kind: "inserted"; readonly deliveries: number; readonly deliveryId: string | null }
  | { readonly kind: "conflict" | Refusal };

/** The outcome of each event, in order, and one pending delivery for each endpoint that has pending deliveries. */
export interface Inserted {
  readonly events: readonly InsertedEvent[];
  readonly due: readonly DueDelivery[];
}

interface Row {
  readonly events: readonly {
    readonly refusal: Refusal | null;
    readonly inserted: boolean;
    readonly deliveries: number | null;
    readonly delivery_id: string | null;
  }[];
  readonly due: readonly DueDelivery[] | null;
}

/**
 * Inserts events, each with a delivery for every endpoint that gets it, in one statement. An event that cannot be inserted does not
 * prevent the others. Rows go in as JSON: one parameter for any number of events.
 */
export async function insertEvents(
  sql: postgres.ISql,
  region: Region,
  events: readonly SealedEvent[],
): Promise<Inserted> {
  const statement = events.some(({ userId }) => userId !== null) ? statements.withUsers : statements.withoutUsers;
  const rows = await sql.unsafe<Row[]>(statement, [JSON.stringify(events.map(rowOf)), region], { prepare: true });
  const [row] = rows;
  if (row === undefined) throw new Error("the insert of events returned no row");
  return {
    events: row.events.map(({ refusal, inserted, deliveries, delivery_id }) => {
      if (refusal !== null) return { kind: refusal };
      return inserted
        ? { kind: "inserted", deliveries: deliveries ?? 0, deliveryId: delivery_id }
        : { kind: "conflict" };
    }),
    due: row.due ?? [],
  };
}

function rowOf(event: SealedEvent, at: number) {
  const { payload } = event;
  return {
    at,
    customer_id: event.customerId,
    id: event.id,
    type: event.type,
    user_id: event.userId,
    size: event.size,
    // A view: `Buffer.from(payload)` would copy it byte by byte.
    payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString("base64"),
    key_version: event.keyVersion,
    created_at: new Date(event.createdAt).toISOString(),
    request_key: event.request?.key ?? null,
    request_hash: event.request?.hash ?? null,
    filters: filtersMatching(event.type),
    only_endpoint: "only" in event.to ? event.to.only : null,
    except_endpoint: "except" in event.to ? event.to.except : null,
    copies: event.copies,
  };
}

/**
 * Users and data keys are locked, so that deleting a user and destroying a key happen before the event or after it. SKIP LOCKED: the
 * writer serves many customers and must not wait for the transaction of one. A row that is there but could not be locked makes the
 * event `busy`.
 */
const heldUsers = `
  held_users as materialized (
    select u.customer_id, u.id
      from (select distinct customer_id, user_id from incoming where user_id is not null) wanted
        join users u on u.customer_id = wanted.customer_id and u.id = wanted.user_id
      where u.deleted_at is null
      for key share of u skip locked
  ),`;

const userRefusal = `
      when i.user_id is not null and not exists (
        select from held_users h where h.customer_id = i.customer_id and h.id = i.user_id
      ) then case when exists (
          select from users u where u.customer_id = i.customer_id and u.id = i.user_id and u.deleted_at is null
        ) then 'busy' else 'unknown_user' end`;

/** The id of a delivery is a UUIDv7 too: the event's time and the beginning of its random part, then a hash of event and endpoint. */
const deliveryId = `'dlv_' || substr(j.id, 5, 14) || left(encode(sha256(convert_to(j.id || e.id, 'UTF8')), 'hex'), 12)`;

function statementOf(users: { readonly held: string; readonly refusal: string }): string {
  return `
  with incoming as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as r(at int, customer_id text, id text, type text, user_id text, size int,
      payload text, key_version int, created_at timestamptz, request_key text, request_hash text, filters text[],
      only_endpoint text, except_endpoint text, copies text)
  ),${users.held}
  held_keys as materialized (
    select k.customer_id, k.version
      from (select distinct customer_id, key_version from incoming) wanted
        join customer_data_keys k on k.customer_id = wanted.customer_id and k.version = wanted.key_version
      where k.destroyed_at is null
      for share of k skip locked
  ),
  judged as materialized (
    select i.*, case${users.refusal}
      when not exists (
        select from held_keys h where h.customer_id = i.customer_id and h.version = i.key_version
      ) then case when exists (
          select from customer_data_keys k
            where k.customer_id = i.customer_id and k.version = i.key_version and k.destroyed_at is null
        ) then 'busy' else 'stale_key' end
      when i.copies = 'unknown' and exists (
        select from webhook_endpoints e
          where e.customer_id = i.customer_id and e.home_region <> $2 and e.deleted_at is null
      ) then 'copies_unknown' end as refusal
    from incoming i
  ),
  inserted as (
    insert into events (customer_id, id, type, user_id, size, payload, created_at, request_key, request_hash)
      select customer_id, id, type, user_id, size, decode(payload, 'base64'), created_at, request_key, request_hash
        from judged where refusal is null order by at
      on conflict do nothing
      returning id
  ),
  delivered as (
    insert into deliveries (customer_id, id, endpoint_id, event_id, status, parked_for, redrive_at, next_attempt_at, created_at)
      select j.customer_id, ${deliveryId}, e.id, j.id,
          case e.status when 'enabled' then 'pending' else 'dead_letter' end,
          case e.status when 'disabled' then 'endpoint_disabled' end,
          case e.status when 'disabled' then j.created_at end,
          case e.status when 'enabled' then j.created_at end, j.created_at
        from judged j join inserted on inserted.id = j.id
          join webhook_endpoints e on e.customer_id = j.customer_id
        where e.deleted_at is null
          and (e.home_region = $2 or j.copies = 'included')
          and case when j.only_endpoint is not null then e.id = j.only_endpoint
            else e.id is distinct from j.except_endpoint and e.event_types && j.filters end
        order by j.at, e.id
      returning id, endpoint_id, event_id, status
  ),
  counted as (select event_id, count(*)::int as deliveries, min(id) as first from delivered group by event_id)
  select
    (select json_agg(json_build_object('refusal', j.refusal, 'inserted', inserted.id is not null, 'deliveries', c.deliveries,
        'delivery_id', c.first) order by j.at)
      from judged j left join inserted on inserted.id = j.id left join counted c on c.event_id = j.id) as events,
    (select json_agg(json_build_object('id', d.id, 'endpoint_id', d.endpoint_id))
      from (select min(id) as id, endpoint_id from delivered where status = 'pending' group by endpoint_id) d) as due`;
}

/** Without users for events about none: the Couriers' role, which announces disabled endpoints, may not see users. */
const statements = {
  withUsers: statementOf({ held: heldUsers, refusal: userRefusal }),
  withoutUsers: statementOf({ held: "", refusal: "" }),
};
