import postgres from "postgres";
import type { AuditRecord } from "../schema/http/audit-logs.ts";
import { call, eventually } from "./world.ts";

/** A row of a region's audit log, as its owner sees it: live, archived or restored. */
export interface AuditRow {
  readonly id: string;
  readonly customer_id: string;
  readonly user_id: string | null;
  readonly api_key_id: string | null;
  readonly action: string;
  readonly resource_type: string;
  readonly resource_id: string | null;
  readonly outcome: string;
  readonly request_id: string;
  readonly region: string;
  readonly count: number | null;
  readonly leaf_index: string;
}

/** Runs `work` with a connection of its own. */
export async function withSql<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

/** Every row of a customer's log in a region's database. */
export function rowsOf(ownerUrl: string, customerId: string): Promise<AuditRow[]> {
  return withSql(ownerUrl, async (sql) => [
    ...(await sql<AuditRow[]>`
      select * from (select * from audit_logs union all select * from audit_logs_archive) r
        where customer_id = ${customerId} order by leaf_index`),
  ]);
}

/** A page of records, as answered. */
export interface AuditPage {
  readonly data: readonly AuditRecord[];
  readonly next_cursor: string | null;
}

/** Lists records as whoever has `token`. */
export function listRecords(query: string, token: string) {
  return call<AuditPage>(`/v1/audit-logs?${query}`, { token });
}

/** For how long a record of refusals may take: they are counted for ten seconds. In milliseconds. */
export const refusalMs = 15_000;

/** The record of a request, as soon as it can be read. */
export async function recordOf(requestId: string | null, token: string, ms?: number): Promise<AuditRecord> {
  const found: AuditRecord[] = [];
  await eventually(async () => {
    const { data } = (await listRecords("limit=100", token)).body;
    found.push(...data.filter((record) => record.request_id === requestId));
    return found.length > 0;
  }, ms);
  const [record] = found;
  if (record === undefined) throw new Error("a request has no record");
  return record;
}
