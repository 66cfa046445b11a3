import type { Outcome } from "../../../schema/audit/entry.ts";
import type { Region } from "../../../schema/regions.ts";
import { withSqlTransaction } from "../../serve/database.ts";
import { isDatabaseUnavailable } from "../../serve/is-database-unavailable.ts";
import type { Invocation } from "../../serve/invocation.ts";
import type { TransactionResult, TransactionWork } from "../../serve/transaction.ts";
import { ofCustomer, type TransactionSql } from "../database.ts";

/** A transaction in which row-level security shows one customer. */
export type AuditSql = TransactionSql;

/** A record as Postgres has it. */
export interface RecordRow {
  readonly id: string;
  readonly customer_id: string;
  readonly user_id: string | null;
  readonly api_key_id: string | null;
  readonly action: string;
  readonly resource_type: string;
  readonly resource_id: string | null;
  readonly outcome: Outcome;
  readonly timestamp: Date;
  readonly request_id: string;
  readonly region: Region;
  /** A bigint, as the driver gives it. */
  readonly leaf_index: string;
  readonly personal_commitment: Uint8Array;
  readonly personal_sealed: Uint8Array | null;
  /** Null: the record stands for one request. */
  readonly count: number | null;
}

/** Reads a customer's audit log from the replica; from the primary when that cannot be reached. */
export async function readAudit<const R extends TransactionWork>(
  env: RegionEnv,
  customerId: string,
  invocation: Invocation,
  work: (sql: AuditSql) => R,
): Promise<TransactionResult<R>> {
  try {
    return await asReader(env.DB_REPLICA, customerId, invocation, work);
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error;
    const name = error instanceof Error ? error.name : typeof error;
    console.warn(JSON.stringify({ level: "warn", event: "replica.failed", error: name }));
    return asReader(env.DB, customerId, invocation, work);
  }
}

/** The same from the primary: for proofs, which must be as new as the checkpoint that they lead to. */
export function asReader<const R extends TransactionWork>(
  hyperdrive: Hyperdrive,
  customerId: string,
  invocation: Invocation,
  work: (sql: AuditSql) => R,
): Promise<TransactionResult<R>> {
  return withSqlTransaction(hyperdrive, { readOnly: true, ...ofCustomer(customerId) }, work, invocation);
}

/** What records are asked for. Times in epoch milliseconds: not before `from`, before `to`. */
export interface RecordFilter {
  readonly customerId: string;
  readonly userId?: string | undefined;
  readonly apiKeyId?: string | undefined;
  readonly action?: string | undefined;
  readonly outcome?: Outcome | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Only what comes after this record in the list, that is before it in time. */
  readonly after?: { readonly timestamp: number; readonly id: string } | undefined;
}

const dayMs = 86_400_000;

/**
 * Records, newest first, `limit` at most. Looks through the last two days first, then through the last month, then through the
 * archive: most lists end in the first, and the planner has few partitions to think about.
 */
export async function findRecords(
  sql: AuditSql,
  filter: RecordFilter,
  limit: number,
  now: number,
): Promise<RecordRow[]> {
  const found: RecordRow[] = [];
  for (const [from, to] of windows(filter, now)) {
    // oxlint-disable-next-line no-await-in-loop -- whether the next is needed depends on this one
    found.push(...(await findIn(sql, filter, from, to, limit - found.length)));
    if (found.length >= limit) break;
  }
  return found;
}

/** Spans of time from the newest to the oldest, together the whole that the filter asks for. */
function windows(filter: RecordFilter, now: number): [number | null, number | null][] {
  const newest = Math.min(filter.to ?? Infinity, (filter.after?.timestamp ?? Infinity) + 1);
  const oldest = filter.from ?? -Infinity;
  const edges = [newest, now - 2 * dayMs, now - 32 * dayMs, oldest];
  const spans: [number | null, number | null][] = [];
  for (let at = 0; at + 1 < edges.length; at++) {
    const to = Math.min(edges[at] ?? Infinity, newest);
    const from = Math.max(edges[at + 1] ?? -Infinity, oldest);
    if (from < to) spans.push([Number.isFinite(from) ? from : null, Number.isFinite(to) ? to : null]);
  }
  return spans;
}

async function findIn(
  sql: AuditSql,
  filter: RecordFilter,
  from: number | null,
  to: number | null,
  limit: number,
): Promise<RecordRow[]> {
  const { customerId, userId, apiKeyId, action, outcome, after } = filter;
  const all = sql``;
  return sql<RecordRow[]>`
    select * from audit_records where customer_id = ${customerId}
      ${userId === undefined ? all : sql`and user_id = ${userId}`}
      ${apiKeyId === undefined ? all : sql`and api_key_id = ${apiKeyId}`}
      ${action === undefined ? all : sql`and action = ${action}`}
      ${outcome === undefined ? all : sql`and outcome = ${outcome}`}
      ${outcome === undefined || outcome === "success" ? all : sql`and outcome <> 'success'`}
      ${from === null ? all : sql`and "timestamp" >= ${new Date(from).toISOString()}::timestamptz`}
      ${to === null ? all : sql`and "timestamp" < ${new Date(to).toISOString()}::timestamptz`}
      ${after === undefined ? all : sql`and ("timestamp", id) < (${new Date(after.timestamp).toISOString()}::timestamptz, ${after.id})`}
    order by "timestamp" desc, id desc limit ${limit}`;
}

/** A customer's record by its id, null if there is none. */
export async function findRecord(sql: AuditSql, customerId: string, id: string): Promise<RecordRow | null> {
  const [row] = await sql<RecordRow[]>`select * from audit_records where customer_id = ${customerId} and id = ${id}`;
  return row ?? null;
}
