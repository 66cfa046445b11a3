import type postgres from "postgres";
import type { ExportRecord } from "../../../../schema/audit/export.ts";
import { withClient } from "../../../serve/database.ts";
import type { Invocation } from "../../../serve/invocation.ts";
import { readBack, recordsIn } from "./day-object.ts";

/** Rows that are written at once. */
const batchRows = 500;

/** What was brought back. */
export interface Restored {
  readonly objects: number;
  readonly records: number;
}

/** Brings a day back from the bucket into the archive table, every object verified first, to stay until `until` (epoch milliseconds). */
export function restoreDay(env: RegionEnv, day: string, until: number, invocation: Invocation): Promise<Restored> {
  return withClient(
    env.DB_ARCHIVER,
    async (sql) => {
      const objects = await sql<{ customer_id: string; part: number; object_key: string; sha256: string }[]>`
        select customer_id, part, object_key, sha256 from audit_objects
          where day = ${day}::date and removed_at is not null order by customer_id, part`;
      let records = 0;
      if (objects.length > 0) await sql`select audit_ensure_day(${day}::date)`;
      for (const { customer_id: customerId, part, object_key: key, sha256 } of objects) {
        // oxlint-disable no-await-in-loop -- an object after the other: what is back stays back
        await readBack(env, customerId, key, sha256);
        records += await sql.begin(async (tx) => {
          const inserted = await insertAll(tx, recordsIn(env, key));
          await tx`update audit_objects set removed_at = null, restored_until = ${new Date(until)}
            where customer_id = ${customerId} and day = ${day}::date and part = ${part}`;
          return inserted;
        });
        // oxlint-enable no-await-in-loop
      }
      return { objects: objects.length, records };
    },
    invocation,
  );
}

async function insertAll(tx: postgres.TransactionSql, records: AsyncIterable<ExportRecord>): Promise<number> {
  let inserted = 0;
  let held: ExportRecord[] = [];
  for await (const record of records) {
    held.push(record);
    if (held.length < batchRows) continue;
    inserted += await insert(tx, held);
    held = [];
  }
  return inserted + (held.length > 0 ? await insert(tx, held) : 0);
}

async function insert(tx: postgres.TransactionSql, records: readonly ExportRecord[]): Promise<number> {
  const rows = records.map(({ leaf_index, record }) => Object.assign({ leaf_index }, record));
  const inserted = await tx`
    insert into audit_logs_archive (customer_id, id, user_id, api_key_id, action, resource_type, resource_id, outcome, "timestamp",
        request_id, region, leaf_index, personal_commitment, personal_sealed, count)
      select customer_id, id, user_id, api_key_id, action, resource_type, resource_id, outcome, "timestamp", request_id, region,
        leaf_index, decode(personal_commitment, 'base64'), decode(personal_sealed, 'base64'), count
      from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as r(customer_id text, id text, user_id text, api_key_id text,
        action text, resource_type text, resource_id text, outcome text, "timestamp" timestamptz, request_id text, region text,
        leaf_index bigint, personal_commitment text, personal_sealed text, count integer)`;
  return inserted.count;
}
