import { openPersonal, importDataKey, type OpenedPersonal } from "../../../durable-objects/audit-log/personal.ts";
import type { KeyWrapping } from "../../../durable-objects/audit-log/data-keys.ts";
import { subjectOf, type LeafRecord } from "../../../schema/audit/leaf.ts";
import type { AuditRecord } from "../../../schema/http/audit-logs.ts";
import type { AuditSql, RecordRow } from "./read.ts";

/** The personal fields of a record: opened; erased for good; or not to be opened although they should be, which is a fault. */
export type PersonalOf = OpenedPersonal | "erased" | "unreadable";

/** Opens the personal fields of rows of one customer; in the order of the rows. */
export async function openRows(
  sql: AuditSql,
  rows: readonly RecordRow[],
  wrapping: KeyWrapping,
): Promise<PersonalOf[]> {
  const [first] = rows;
  if (first === undefined) return [];
  const subjects = [...new Set(rows.map(subjectOf))];
  const stored = await sql<{ subject_id: string; wrapped: Uint8Array | null }[]>`
    select subject_id, wrapped from audit_data_keys
      where customer_id = ${first.customer_id} and subject_id in ${sql(subjects)}`;
  const keys = new Map<string, CryptoKey | null>();
  for (const { subject_id: subjectId, wrapped } of stored) {
    const subject = { customerId: first.customer_id, subjectId };
    // oxlint-disable-next-line no-await-in-loop -- one for each subject of a page
    keys.set(subjectId, wrapped === null ? null : await importDataKey(await wrapping.unwrap(subject, wrapped)));
  }
  return Promise.all(rows.map((row) => openRow(row, keys.get(subjectOf(row)))));
}

async function openRow(row: RecordRow, key: CryptoKey | null | undefined): Promise<PersonalOf> {
  if (row.personal_sealed === null || key === null) return "erased";
  const opened = key === undefined ? null : await openPersonal(row.id, row.personal_sealed, key);
  if (opened !== null) return opened;
  console.error(JSON.stringify({ level: "error", event: "audit.unreadable", record: row.id }));
  return "unreadable";
}

/** A row as the contract has it. */
export function presentRecord(row: RecordRow, personal: PersonalOf): AuditRecord {
  const opened = typeof personal === "string" ? null : personal;
  return {
    id: row.id,
    user_id: row.user_id,
    api_key_id: row.api_key_id,
    action: row.action,
    resource_type: row.resource_type,
    resource_id: row.resource_id,
    outcome: row.outcome,
    timestamp: row.timestamp.toISOString(),
    ip_address: opened?.ip_address ?? null,
    user_agent: opened?.user_agent ?? null,
    detail: opened?.detail ?? null,
    erased: personal === "erased",
    request_id: row.request_id,
    region: row.region,
    count: row.count ?? 1,
  };
}

/** A row as its leaf has it. */
export function leafOf(row: RecordRow): LeafRecord {
  return {
    action: row.action,
    api_key_id: row.api_key_id,
    ...(row.count !== null && { count: String(row.count) }),
    customer_id: row.customer_id,
    id: row.id,
    outcome: row.outcome,
    personal_commitment: Buffer.from(row.personal_commitment).toString("base64"),
    personal_sealed: row.personal_sealed === null ? null : Buffer.from(row.personal_sealed).toString("base64"),
    region: row.region,
    request_id: row.request_id,
    resource_id: row.resource_id,
    resource_type: row.resource_type,
    timestamp: row.timestamp.toISOString(),
    user_id: row.user_id,
  };
}
