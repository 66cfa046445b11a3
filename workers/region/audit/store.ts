import type postgres from "postgres";
import type { Append, Appended, AuditStore, StoredDataKey, Subject } from "../../../durable-objects/audit-log/store.ts";
import { keptClient } from "../../serve/kept-client.ts";
import { treeHashes } from "./tree-hashes.ts";

type Sql = postgres.Sql;

/** SQLSTATEs by which the database says that another writer was there first. */
const uniqueViolation = "23505";
/** The one by which it says that a day has no partition, or another one of these checks failed. */
const checkViolation = "23514";
/** The one by which `audit_ensure_day` says that there is no such day: eleven years back, or more than one ahead. */
const noSuchDay = "22023";

/** The store of the audit log in the region's Postgres, as the role that may insert and select, and nothing else. */
export function auditStore(hyperdrive: Hyperdrive): AuditStore {
  const kept = keptClient(hyperdrive);
  // All of it may be done twice: reads, and inserts that report `overtaken` or do nothing the second time.
  const run: typeof kept.runRepeatable = (work) => kept.runRepeatable(work);
  return {
    append: (append) => run((sql) => appendTo(sql, append)),
    existing: (records) => run((sql) => existing(sql, records)),
    dataKeys: (subjects) => run((sql) => dataKeys(sql, subjects)),
    treeSize: (customerId) => run((sql) => treeSize(sql, customerId)),
    hashesOf: (customerId) => ({
      nodes: (level, first, count) => run((sql) => treeHashes(sql, customerId).nodes(level, first, count)),
    }),
    keepCheckpoint: async (customerId, size, note) => {
      await run(
        (sql) => sql`insert into audit_checkpoints (customer_id, size, note, created_at)
          values (${customerId}, ${size}, ${note}, now()) on conflict do nothing`,
      );
    },
    release: () => kept.release(),
  };
}

/** How many leaves a customer's tree has. */
export async function treeSize(sql: postgres.ISql, customerId: string): Promise<number> {
  const [last] = await sql<{ size: string }[]>`
    select first + length(hashes) / 32 as size from audit_tree
      where customer_id = ${customerId} and level = 0 order by first desc limit 1`;
  return Number(last?.size ?? 0);
}

async function appendTo(sql: Sql, append: Append): Promise<Appended> {
  const days = new Set(append.records.map((record) => record.timestamp.slice(0, 10)));
  try {
    return await insert(sql, append, new Set());
  } catch (error) {
    if (codeOf(error) !== checkViolation) throw error;
  }
  // A day without a partition, or one that has been moved to the archive: a record that comes very late.
  const archived = await ensureDays(sql, days);
  return archived === null ? { kind: "refused", code: noSuchDay } : insert(sql, append, archived);
}

/** Which of these days are held in the archive; null if one is so far away that the log has no such day. */
async function ensureDays(sql: Sql, days: ReadonlySet<string>): Promise<Set<string> | null> {
  const rows = await sql<{ day: string; held: string }[]>`
    select d.day, audit_ensure_day(d.day::date) as held from jsonb_array_elements_text(${JSON.stringify([...days])}::text::jsonb) as d(day)`.catch(
    (error: unknown) => {
      if (codeOf(error) === noSuchDay) return null;
      throw error;
    },
  );
  if (rows === null) return null;
  return new Set(rows.filter(({ held }) => held === "audit_logs_archive").map(({ day }) => day));
}

/** One statement: all of it is written, or nothing. Rows go in as JSON: one parameter, whatever their number. */
async function insert(sql: Sql, append: Append, archived: ReadonlySet<string>): Promise<Appended> {
  const records = append.records.map((record) => ({
    ...record,
    archived: archived.has(record.timestamp.slice(0, 10)),
  }));
  const nodes = append.nodes.map(({ customerId, level, first, hashes }) => {
    return { customer_id: customerId, level, first, hashes: Buffer.concat(hashes).toString("base64") };
  });
  const keys = append.keys.map(({ customerId, subjectId, wrapped }) => {
    const bytes = wrapped === null ? null : Buffer.from(wrapped).toString("base64");
    return { customer_id: customerId, subject_id: subjectId, wrapped: bytes };
  });
  try {
    await sql.unsafe(insertStatement, [JSON.stringify(records), JSON.stringify(nodes), JSON.stringify(keys)], {
      prepare: true,
    });
    return { kind: "appended" };
  } catch (error) {
    const code = codeOf(error);
    if (code === uniqueViolation) return { kind: "overtaken" };
    // 22: data exceptions; 23: constraints, of which the missing partition is the caller's to see to, once.
    if (
      code?.startsWith("22") === true ||
      (code?.startsWith("23") === true && (code !== checkViolation || archived.size > 0))
    )
      return { kind: "refused", code };
    throw error;
  }
}

const columns = `customer_id, id, user_id, api_key_id, action, resource_type, resource_id, outcome, "timestamp", request_id, region,
  leaf_index, personal_commitment, personal_sealed, count`;

const values = `customer_id, id, user_id, api_key_id, action, resource_type, resource_id, outcome, "timestamp", request_id, region,
  "leafIndex", decode(personal_commitment, 'base64'), decode(personal_sealed, 'base64'), count`;

const insertStatement = `
  with incoming as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as r(customer_id text, id text, user_id text, api_key_id text, action text,
      resource_type text, resource_id text, outcome text, "timestamp" timestamptz, request_id text, region text, "leafIndex" bigint,
      personal_commitment text, personal_sealed text, count integer, archived boolean)
  ), tree as (
    insert into audit_tree (customer_id, level, first, hashes)
      select customer_id, level, first, decode(hashes, 'base64')
        from jsonb_to_recordset($2::text::jsonb) as n(customer_id text, level smallint, first bigint, hashes text)
  ), keys as (
    insert into audit_data_keys (customer_id, subject_id, wrapped, created_at)
      select customer_id, subject_id, decode(wrapped, 'base64'), now()
        from jsonb_to_recordset($3::text::jsonb) as k(customer_id text, subject_id text, wrapped text)
  ), late as (
    insert into audit_logs_archive (${columns}) select ${values} from incoming where archived
  )
  insert into audit_logs (${columns}) select ${values} from incoming where not archived`;

async function existing(
  sql: Sql,
  records: readonly { readonly customer_id: string; readonly id: string; readonly timestamp: string }[],
): Promise<ReadonlySet<string>> {
  const wanted = JSON.stringify(records.map(({ customer_id, id, timestamp }) => ({ customer_id, id, timestamp })));
  // Lateral, one probe for each record: the timestamp picks the partition.
  const rows = await sql<{ id: string }[]>`
    select w.id from jsonb_to_recordset(${wanted}::text::jsonb) as w(customer_id text, id text, "timestamp" timestamptz)
      cross join lateral (select from audit_records r
        where r.customer_id = w.customer_id and r.id = w.id and r."timestamp" = w."timestamp" limit 1) there`;
  return new Set(rows.map(({ id }) => id));
}

async function dataKeys(sql: Sql, subjects: readonly Subject[]): Promise<StoredDataKey[]> {
  const wanted = JSON.stringify(subjects);
  const rows = await sql<{ customer_id: string; subject_id: string; wrapped: Uint8Array | null }[]>`
    select k.customer_id, k.subject_id, k.wrapped
      from jsonb_to_recordset(${wanted}::text::jsonb) as w("customerId" text, "subjectId" text)
      join audit_data_keys k on k.customer_id = w."customerId" and k.subject_id = w."subjectId"`;
  return rows.map((row) => ({ customerId: row.customer_id, subjectId: row.subject_id, wrapped: row.wrapped }));
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}
