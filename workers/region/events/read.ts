import type { EventView } from "../../../schema/http/events.ts";
import type { Region } from "../../../schema/regions.ts";
import type { TransactionSql } from "../database.ts";

/** An event as Postgres has it, without its payload. */
export interface EventRow {
  readonly id: string;
  readonly type: string;
  readonly user_id: string | null;
  readonly size: number;
  readonly sealed: boolean;
  readonly created_at: Date;
  readonly deliveries: EventView["deliveries"];
}

/** Which events; `after`: only those with a smaller id. */
export interface EventFilter {
  readonly customerId: string;
  readonly id?: string | undefined;
  readonly type?: string | undefined;
  readonly userId?: string | undefined;
  readonly after?: string | null;
  readonly limit: number;
}

/** Events of a customer, newest first. */
export function findEvents(
  sql: TransactionSql,
  { customerId, id, type, userId, after, limit }: EventFilter,
): Promise<EventRow[]> {
  return sql<EventRow[]>`
    select e.id, e.type, e.user_id, e.size, e.created_at,
        e.payload is not null and exists (select from customer_data_keys k where k.customer_id = e.customer_id and k.destroyed_at is null
          and 'v' || k.version = convert_from(substring(e.payload from 2 for get_byte(substring(e.payload from 1 for 1), 0)), 'UTF8')) as sealed,
        (select coalesce(json_agg(json_build_object('id', d.id, 'endpoint_id', d.endpoint_id, 'status', d.status) order by d.seq), '[]')
          from deliveries d where d.customer_id = e.customer_id and d.event_id = e.id) as deliveries
      from events e
      where e.customer_id = ${customerId}
        ${id === undefined ? sql`` : sql`and e.id = ${id}`}
        ${type === undefined ? sql`` : sql`and e.type = ${type}`}
        ${userId === undefined ? sql`` : sql`and e.user_id = ${userId}`}
        ${after === null || after === undefined ? sql`` : sql`and e.id < ${after}`}
      order by e.id desc limit ${limit}`;
}

/** An event as the contract has it. */
export function presentEvent(row: EventRow, region: Region): EventView {
  return {
    id: row.id,
    type: row.type,
    user_id: row.user_id,
    size: row.size,
    payload: row.sealed ? "sealed" : "erased",
    region,
    created_at: row.created_at.toISOString(),
    deliveries: row.deliveries,
  };
}
