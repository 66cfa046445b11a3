import type postgres from "postgres";
import type { Result } from "../../../durable-objects/courier/policy.ts";
import type { CourierStore, Pulled, Wanted } from "../../../durable-objects/courier/ports.ts";
import { parkedPause } from "../../../durable-objects/courier/policy.ts";
import type { ParkReason } from "../../../schema/webhooks/delivery.ts";
import { keptClient } from "../../serve/kept-client.ts";
import { settingsOf, type RegionSettings } from "../settings.ts";
import { disableEndpoint } from "./disable.ts";
import { prepareWebhooks } from "./prepare.ts";
import type { DueRow, EndpointRow } from "./due-row.ts";

/** The most bytes of payload that are read at once: what one Courier may take of an isolate's memory. */
const maximumBytes = 1_000_000;

type WaitUntil = (promise: Promise<unknown>) => void;

/** What a Courier finds and writes in the region's Postgres, by the role that sees the webhook tables alone. */
export function courierStore(env: RegionEnv, waitUntil: WaitUntil): CourierStore {
  const kept = keptClient(env.DB_WEBHOOKS);
  const settings = settingsOf(env);
  // All of it may be done twice: a read, attempts by their numbers, and an endpoint that is already disabled.
  return {
    pull: (wanted) => kept.runRepeatable((sql) => pull(sql, settings, wanted, waitUntil)),
    write: (endpointId, results, failingSince) =>
      kept.runRepeatable((sql) => write(sql, endpointId, results, failingSince)),
    disable: (endpointId, reason) =>
      kept.runRepeatable((sql) => disableEndpoint(sql, env, endpointId, reason, waitUntil)),
    release: () => kept.release(),
  };
}

async function pull(
  sql: postgres.Sql,
  settings: RegionSettings,
  wanted: Wanted,
  waitUntil: WaitUntil,
): Promise<Pulled | null> {
  const { endpointId, limit, except } = wanted;
  const [endpoint] = await readEndpoint(sql, endpointId);
  if (endpoint === undefined) return null;
  const failing = endpoint.failing_since !== null;
  const stopped = stoppedFor(endpoint, settings) ?? (await withdrawn(endpoint, settings, waitUntil));
  if (stopped !== null) {
    await parkPending(sql, endpointId, stopped, except);
    return { ...facts(endpoint), enabled: false, deliveries: [], more: false, nextDue: null, parkedDue: null };
  }
  const parkedLimit = failing ? wanted.parked.failing : wanted.parked.answering;
  const fifo = endpoint.ordering === "fifo";
  const [rows, [later]] = await Promise.all([
    fifo ? headRow(sql, wanted, parkedLimit) : dueRows(sql, wanted, parkedLimit),
    fifo ? laterOfHead(sql, wanted) : laterOfAll(sql, wanted),
  ]);
  const { ready, unsendable } = await prepareWebhooks(settings, endpoint, rows, waitUntil);
  if (unsendable.length > 0) await parkRows(sql, unsendable, wanted.now);
  return {
    ...facts(endpoint),
    enabled: true,
    deliveries: ready,
    // Rows are cut off by number or bytes; a FIFO has only its head.
    more: unsendable.length > 0 || (!fifo && rows.length > 0 && (rows.length >= limit || rows.some((row) => row.cut))),
    nextDue: later?.next_due?.getTime() ?? null,
    parkedDue: later?.parked_due?.getTime() ?? null,
  };
}

function readEndpoint(sql: postgres.Sql, id: string): Promise<EndpointRow[]> {
  return sql<EndpointRow[]>`
    select e.customer_id, e.id, e.home_region, e.version, e.url, e.status, e.ordering, e.rate_per_second, e.public_key_id, e.failing_since,
        e.cross_region is not null as opted_in, e.deleted_at is not null as deleted,
        (select coalesce(json_agg(json_build_object('number', s.number, 'sealed', encode(s.sealed, 'base64')) order by s.number desc), '[]')
          from webhook_secrets s where s.customer_id = e.customer_id and s.endpoint_id = e.id
            and (s.expires_at is null or s.expires_at > now())) as secrets,
        (select coalesce(json_agg(json_build_object('version', k.version, 'wrapped', encode(k.wrapped, 'base64'))), '[]')
          from customer_data_keys k where k.customer_id = e.customer_id and k.destroyed_at is null) as keys
      from webhook_endpoints e where e.id = ${id}`;
}

function facts({ ordering, rate_per_second, failing_since }: EndpointRow) {
  return {
    fifo: ordering === "fifo",
    ratePerSecond: rate_per_second,
    failingSince: failing_since?.getTime() ?? null,
  };
}

/** Why nothing may be sent to an endpoint at all; null: it may. Asked at each delivery, whatever was true when it was accepted. */
function stoppedFor(endpoint: EndpointRow, { region }: RegionSettings): ParkReason | null {
  if (endpoint.home_region !== region && !endpoint.opted_in) return "residency";
  if (endpoint.deleted) return "endpoint_deleted";
  return endpoint.status === "disabled" ? "endpoint_disabled" : null;
}

/** Whether the opt-in of a copy has been taken back since: global knows before the copy does. */
async function withdrawn(
  endpoint: EndpointRow,
  { region, config }: RegionSettings,
  waitUntil: WaitUntil,
): Promise<ParkReason | null> {
  if (endpoint.home_region === region) return null;
  const published = await config.crossRegionEndpoints(endpoint.customer_id, waitUntil);
  const last = published.find(({ id }) => id === endpoint.id);
  return last?.endpoint === null && last.version > endpoint.version ? "residency" : null;
}

/** What is due: pending deliveries, and as many dead letters as may be taken up, the longest due first. */
async function dueRows(
  sql: postgres.Sql,
  { endpointId, limit, except, now }: Wanted,
  parkedLimit: number,
): Promise<DueRow[]> {
  const time = new Date(now);
  const none = notIn(sql, except);
  const parked =
    parkedLimit === 0
      ? sql``
      : sql`union all (select customer_id, id, event_id, status, attempts, tries, rounds, redrive_at as due from deliveries
          where endpoint_id = ${endpointId} and status = 'dead_letter' and redrive_at <= ${time} ${none}
          order by redrive_at limit ${parkedLimit})`;
  return sql<DueRow[]>`
    with due as (
      (select customer_id, id, event_id, status, attempts, tries, rounds, next_attempt_at as due from deliveries
        where endpoint_id = ${endpointId} and status = 'pending' and next_attempt_at <= ${time} ${none}
        order by next_attempt_at, seq limit ${limit})
      ${parked}
    ), sized as (
      select due.*, sum(e.size) over (order by due.due, due.id) - e.size as before, sum(e.size) over () as all_bytes
        from due join events e on e.customer_id = due.customer_id and e.id = due.event_id
    )
    select s.customer_id, s.id, s.event_id, s.status, s.attempts, s.tries, s.rounds, s.all_bytes >= ${maximumBytes} as cut,
        e.type, e.payload, e.created_at
      from sized s join events e on e.customer_id = s.customer_id and e.id = s.event_id
      where s.before < ${maximumBytes} order by s.due, s.id`;
}

interface Later {
  readonly next_due: Date | null;
  readonly parked_due: Date | null;
}

/** Leaves out what is in hand. */
function notIn(sql: postgres.Sql, ids: readonly string[]) {
  return ids.length === 0 ? sql`` : sql`and id not in ${sql([...ids])}`;
}

/** When what is not due now, and not in hand, will be. */
function laterOfAll(sql: postgres.Sql, { endpointId, except, now }: Wanted) {
  return sql<Later[]>`
    select (select min(next_attempt_at) from deliveries
        where endpoint_id = ${endpointId} and status = 'pending' and next_attempt_at > ${new Date(now)}) as next_due,
      (select min(redrive_at) from deliveries
        where endpoint_id = ${endpointId} and status = 'dead_letter' and redrive_at is not null ${notIn(sql, except)}) as parked_due`;
}

/** In order: the first that is not delivered (and can be) holds up the rest. */
function headRow(sql: postgres.Sql, { endpointId, except, now }: Wanted, parkedLimit: number): Promise<DueRow[]> {
  const time = new Date(now);
  // With one in hand there is no other.
  if (except.length > 0) return Promise.resolve([]);
  return sql<DueRow[]>`
    select d.customer_id, d.id, d.event_id, d.status, d.attempts, d.tries, d.rounds, false as cut, e.type, e.payload, e.created_at
      from (${headOf(sql, endpointId)}) d join events e on e.customer_id = d.customer_id and e.id = d.event_id
      where (d.status = 'pending' and d.next_attempt_at <= ${time})
        or (d.status = 'dead_letter' and d.redrive_at <= ${time} and ${parkedLimit}::int > 0)`;
}

function laterOfHead(sql: postgres.Sql, { endpointId, except, now }: Wanted): Promise<Later[]> {
  if (except.length > 0) return Promise.resolve([]);
  return sql<Later[]>`
    select case when d.status = 'pending' and d.next_attempt_at > ${new Date(now)} then d.next_attempt_at end as next_due,
        case d.status when 'dead_letter' then d.redrive_at end as parked_due
      from (${headOf(sql, endpointId)}) d`;
}

function headOf(sql: postgres.Sql, endpointId: string) {
  return sql`select * from deliveries where endpoint_id = ${endpointId} and status <> 'delivered'
    and (status = 'pending' or redrive_at is not null) order by seq limit 1`;
}

/** Parks everything that waits for an endpoint to which nothing may be sent. */
async function parkPending(
  sql: postgres.Sql,
  endpointId: string,
  reason: ParkReason,
  except: readonly string[],
): Promise<void> {
  const none = notIn(sql, except);
  const again = reason === "endpoint_deleted" ? sql`null` : sql`now()`;
  await sql`update deliveries set status = 'dead_letter', next_attempt_at = null, parked_for = ${reason}, redrive_at = ${again}
    where endpoint_id = ${endpointId} and status = 'pending' ${none}`;
}

/** Parks deliveries that cannot be sent as they are, to be looked at again later; what is erased never is. */
async function parkRows(
  sql: postgres.Sql,
  rows: readonly { readonly row: DueRow; readonly reason: ParkReason }[],
  now: number,
): Promise<void> {
  const parked = rows.map(({ row, reason }) => ({
    customer_id: row.customer_id,
    id: row.id,
    reason,
    rounds: row.rounds + 1,
    redrive_at: reason === "erased" ? null : new Date(now + parkedPause(row.rounds)).toISOString(),
  }));
  await sql`
    update deliveries d set status = 'dead_letter', next_attempt_at = null, parked_for = r.reason, rounds = r.rounds, redrive_at = r.redrive_at
      from jsonb_to_recordset(${JSON.stringify(parked)}::text::jsonb)
        as r(customer_id text, id text, reason text, rounds int, redrive_at timestamptz)
      where d.customer_id = r.customer_id and d.id = r.id and d.status <> 'delivered'`;
  for (const { row, reason } of rows)
    console.error(JSON.stringify({ level: "error", event: "webhook.dead_letter", delivery: row.id, reason }));
}

async function write(
  sql: postgres.Sql,
  endpointId: string,
  results: readonly Result[],
  failingSince: number | null,
): Promise<void> {
  const rows = results.map((result) => ({
    ...result,
    attemptedAt: new Date(result.attemptedAt).toISOString(),
    nextAttemptAt: result.nextAttemptAt === null ? null : new Date(result.nextAttemptAt).toISOString(),
    redriveAt: result.redriveAt === null ? null : new Date(result.redriveAt).toISOString(),
  }));
  const since = failingSince === null ? null : new Date(failingSince);
  const customerId = results[0]?.customerId ?? "";
  const ids = results.map(({ deliveryId }) => deliveryId);
  await sql`
    with r as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as r("customerId" text, "deliveryId" text, number int,
        "statusCode" int, error text, "durationMs" int, "attemptedAt" timestamptz, excerpt text, status text, tries int, rounds int,
        "nextAttemptAt" timestamptz, "redriveAt" timestamptz)
    ), tried as (
      insert into delivery_attempts (customer_id, delivery_id, number, status_code, error, duration_ms, attempted_at, excerpt)
        select "customerId", "deliveryId", number, "statusCode", error, "durationMs", "attemptedAt", decode(excerpt, 'base64') from r
        on conflict do nothing
    ), health as (
      update webhook_endpoints set failing_since = ${since}
        where id = ${endpointId} and failing_since is distinct from ${since}::timestamptz
    )
    update deliveries d set status = r.status, attempts = r.number, tries = r.tries, rounds = r.rounds, parked_for = null,
        next_attempt_at = r."nextAttemptAt", redrive_at = r."redriveAt",
        delivered_at = case r.status when 'delivered' then r."attemptedAt" + r."durationMs" * interval '1 millisecond' end
      from r where d.customer_id = r."customerId" and d.id = r."deliveryId" and d.attempts < r.number
        -- Says the same again: the planner takes a recordset for a hundred rows, and would read the whole table for three.
        and d.customer_id = ${customerId} and d.id in ${sql(ids)}`;
}
