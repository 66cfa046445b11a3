import type postgres from "postgres";
import { AppError } from "../../../schema/errors.ts";
import type { Region } from "../../../schema/regions.ts";
import { newId } from "../../../schema/ids.ts";
import type { PublishedEndpoint } from "../../../schema/webhooks/cross-region.ts";
import { wantsType } from "../../../schema/webhooks/event-type.ts";
import type { DueDelivery } from "../../../schema/webhooks/message.ts";
import type { TransactionSql } from "../database.ts";
import type { RegionSettings } from "../settings.ts";
import { refreshCopies, type KnownEndpoint } from "../webhooks/copies.ts";
import { sealFor } from "../webhooks/customer-keys.ts";

/** An event to be committed. */
export interface NewEvent {
  readonly customerId: string;
  readonly id: string;
  readonly type: string;
  readonly userId: string | null;
  /** The source text of `data`. */
  readonly data: string;
  readonly createdAt: Date;
  /** What names the request, and what its body was; null: it may be repeated. */
  readonly request: { readonly key: string; readonly hash: string } | null;
  /** Which endpoints get it: those that want its type, without one of them, or one alone. */
  readonly to: { readonly except: string | null } | { readonly only: string };
}

/** What the insert has made; null: the same request has made it before. */
export type Inserted = { readonly deliveries: readonly DueDelivery[] } | null;

interface Found {
  readonly key: { readonly version: number; readonly wrapped: string } | null;
  readonly endpoints: KnownEndpoint[];
}

/** What an event needs to know of its customer, in one statement. */
function find(sql: TransactionSql, customerId: string, region: Region): postgres.PendingQuery<Found[]> {
  return sql<Found[]>`
    select
      (select json_build_object('version', version, 'wrapped', encode(wrapped, 'base64')) from customer_data_keys
        where customer_id = ${customerId} and destroyed_at is null order by version desc limit 1) as key,
      (select coalesce(json_agg(json_build_object('id', id, 'home_region', home_region, 'version', version,
          'event_types', event_types, 'status', status, 'deleted', deleted_at is not null)), '[]') from webhook_endpoints
        where customer_id = ${customerId} and (deleted_at is null or home_region <> ${region})) as endpoints`;
}

/**
 * Writes an event, its sealed payload and a delivery for each endpoint that gets it, in the caller's transaction. `opted` is what was published of
 * endpoints of other regions that want events of this one; null: the event stays among the region's own endpoints; "unknown":
 * global cannot say, and 503 if the customer has copies here.
 */
export async function insertEvent(
  sql: TransactionSql,
  settings: RegionSettings,
  event: NewEvent,
  opted: readonly PublishedEndpoint[] | "unknown" | null,
): Promise<Inserted> {
  const { region, customerKeys } = settings;
  const { customerId } = event;
  const [found] = await find(sql, customerId, region);
  const known = found?.endpoints ?? [];
  const own = known.filter((endpoint) => endpoint.home_region === region && !endpoint.deleted);
  // Closed in doubt: neither sent to a copy whose opt-in may be over, nor accepted without the delivery that it may owe.
  if (opted === "unknown" && known.some((endpoint) => endpoint.home_region !== region && !endpoint.deleted))
    throw new AppError("unavailable");
  const endpoints =
    opted === null || opted === "unknown" ? own : await refreshCopies(sql, settings, customerId, known, opted);
  const key = found?.key
    ? { version: found.key.version, wrapped: Buffer.from(found.key.wrapped, "base64") }
    : await newDataKey(sql, settings, customerId);
  const ring = await customerKeys.ringOf(customerId, [key]);
  if (ring === null) throw new Error("a ring of one key is not empty");
  const payload = await sealFor(ring, { kind: "payload", customerId, eventId: event.id, region }, event.data);
  const rows = receiversOf(event, endpoints).map(({ id, status }) => ({
    id: newId("delivery"),
    endpoint_id: id,
    status: status === "enabled" ? "pending" : "dead_letter",
  }));
  const size = Buffer.byteLength(event.data);
  const [made] = await sql<{ made: number }[]>`
    with event as (
      insert into events (customer_id, id, type, user_id, size, payload, created_at, request_key, request_hash)
        values (${customerId}, ${event.id}, ${event.type}, ${event.userId}, ${size}, ${Buffer.from(payload)},
          ${event.createdAt}, ${event.request?.key ?? null}, ${event.request?.hash ?? null})
        on conflict (customer_id, request_key) where request_key is not null do nothing
        returning id, created_at
    ), made as (
      insert into deliveries (customer_id, id, endpoint_id, event_id, status, parked_for, redrive_at, next_attempt_at, created_at)
        select ${customerId}, d.id, d.endpoint_id, event.id, d.status,
            case d.status when 'dead_letter' then 'endpoint_disabled' end, case d.status when 'dead_letter' then event.created_at end,
            case d.status when 'pending' then event.created_at end, event.created_at
          from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as d(id text, endpoint_id text, status text), event
          order by d.id
    )
    select count(*)::int as made from event`;
  if (made?.made !== 1) return null;
  const due = rows.filter(({ status }) => status === "pending");
  return { deliveries: due.map(({ id, endpoint_id }) => ({ id, endpoint_id })) };
}

function receiversOf({ to, type }: NewEvent, endpoints: readonly KnownEndpoint[]): readonly KnownEndpoint[] {
  if ("only" in to) return endpoints.filter(({ id }) => id === to.only);
  return endpoints.filter(({ id, event_types }) => id !== to.except && wantsType(event_types, type));
}

/** Makes the first data key of a customer, or the next one after those that were destroyed; takes over what another has just made. */
async function newDataKey(sql: TransactionSql, { customerKeys }: RegionSettings, customerId: string) {
  const [last] = await sql<{ version: number }[]>`
    select coalesce(max(version), 0)::int as version from customer_data_keys where customer_id = ${customerId}`;
  const version = (last?.version ?? 0) + 1;
  const made = await customerKeys.make(customerId, version);
  const rows = await sql`
    insert into customer_data_keys (customer_id, version, wrapped, created_at)
      values (${customerId}, ${version}, ${Buffer.from(made.wrapped)}, now()) on conflict do nothing returning version`;
  if (rows.length === 1) return made;
  const [others] = await sql<{ wrapped: Uint8Array | null }[]>`
    select wrapped from customer_data_keys where customer_id = ${customerId} and version = ${version}`;
  if (others === undefined || others.wrapped === null)
    throw new Error("a data key was destroyed as soon as it was made");
  return { version, wrapped: others.wrapped };
}
