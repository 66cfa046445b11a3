import type { DeliveryView } from "../../../schema/http/deliveries.ts";
import type { Region } from "../../../schema/regions.ts";
import type { DeliveryStatus, ParkReason } from "../../../schema/webhooks/delivery.ts";
import type { TransactionSql } from "../database.ts";

/** A delivery with its tries, as Postgres has it. */
export interface DeliveryRow {
  readonly id: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly endpoint_id: string;
  readonly status: DeliveryStatus;
  readonly parked_for: ParkReason | null;
  readonly next_attempt_at: Date | null;
  readonly created_at: Date;
  readonly delivered_at: Date | null;
  readonly tried: DeliveryView["attempts"];
}

/** Which deliveries; `after`: only those with a smaller id. */
export interface DeliveryFilter {
  readonly customerId: string;
  readonly id?: string | undefined;
  readonly endpointId?: string | undefined;
  readonly eventId?: string | undefined;
  readonly status?: DeliveryStatus | undefined;
  readonly after?: string | null;
  readonly limit: number;
}

/** Deliveries of a customer, newest first. */
export function findDeliveries(sql: TransactionSql, filter: DeliveryFilter): Promise<DeliveryRow[]> {
  const { customerId, id, endpointId, eventId, status, after, limit } = filter;
  return sql<DeliveryRow[]>`
    select d.id, d.event_id, e.type as event_type, d.endpoint_id, d.status, d.parked_for, d.next_attempt_at, d.created_at, d.delivered_at,
        (select coalesce(json_agg(json_build_object('number', a.number, 'status_code', a.status_code, 'error', a.error,
            'duration_ms', a.duration_ms, 'attempted_at', a.attempted_at) order by a.number), '[]')
          from delivery_attempts a where a.customer_id = d.customer_id and a.delivery_id = d.id) as tried
      from deliveries d join events e on e.customer_id = d.customer_id and e.id = d.event_id
      where d.customer_id = ${customerId}
        ${id === undefined ? sql`` : sql`and d.id = ${id}`}
        ${endpointId === undefined ? sql`` : sql`and d.endpoint_id = ${endpointId}`}
        ${eventId === undefined ? sql`` : sql`and d.event_id = ${eventId}`}
        ${status === undefined ? sql`` : sql`and d.status = ${status}`}
        ${after === null || after === undefined ? sql`` : sql`and d.id < ${after}`}
      order by d.id desc limit ${limit}`;
}

/** A delivery as the contract has it. */
export function presentDelivery(row: DeliveryRow, region: Region): DeliveryView {
  return {
    id: row.id,
    event_id: row.event_id,
    event_type: row.event_type,
    endpoint_id: row.endpoint_id,
    status: row.status,
    parked_for: row.parked_for,
    attempts: row.tried.map((attempt) => ({
      number: attempt.number,
      status_code: attempt.status_code,
      error: attempt.error,
      duration_ms: attempt.duration_ms,
      attempted_at: new Date(attempt.attempted_at).toISOString(),
    })),
    next_attempt_at: row.next_attempt_at?.toISOString() ?? null,
    region,
    created_at: row.created_at.toISOString(),
    delivered_at: row.delivered_at?.toISOString() ?? null,
  };
}
