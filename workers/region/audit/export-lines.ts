import type { KeyWrapping } from "../../../durable-objects/audit-log/data-keys.ts";
import { cachedSource, type HashSource } from "../../../durable-objects/audit-log/tree/hash-source.ts";
import { inclusionProof } from "../../../durable-objects/audit-log/tree/proofs.ts";
import type { ExportLeaf, ExportLine, ExportRecord } from "../../../schema/audit/export.ts";
import type { Region } from "../../../schema/regions.ts";
import type { SignedCheckpoint } from "./checkpoints.ts";
import { leafOf, openRows, type PersonalOf } from "./present.ts";
import type { AuditSql, RecordRow } from "./read.ts";
import { treeHashes } from "./tree-hashes.ts";

/** What is exported. Times in epoch milliseconds: not before `from`, before `to`; null: without a bound. */
export interface ExportSelection {
  readonly customerId: string;
  readonly region: Region;
  readonly from: number | null;
  readonly to: number | null;
  /** Whether leaves of other times are named too, so that nothing can be missing in between. */
  readonly complete: boolean;
  readonly checkpoint: SignedCheckpoint;
  /** How to open the personal fields; null leaves them sealed. */
  readonly wrapping: KeyWrapping | null;
}

/** Rows read at once: bounds the memory of an export of any length. */
const pageRows = 200;

/** The lines of an export, in the order of the tree, in constant memory. The transaction must last until the last is taken. */
export async function* exportLines(sql: AuditSql, selection: ExportSelection): AsyncGenerator<ExportLine> {
  const { customerId, region, checkpoint, complete } = selection;
  const { size } = checkpoint;
  const [first, last] = await boundsOf(sql, selection);
  yield {
    type: "header",
    v: 1,
    customer_id: customerId,
    region,
    from: timeText(selection.from),
    to: timeText(selection.to),
    complete,
    first_index: first,
    last_index: last,
    checkpoint: checkpoint.note,
    verifier_key: checkpoint.verifierKey,
  };
  const source = cachedSource(treeHashes(sql, customerId), size);
  let records = 0;
  let next = first;
  // oxlint-disable no-await-in-loop -- a line after the other, as fast as they are taken
  for await (const rows of rowsBetween(sql, selection, first, last)) {
    const personal = selection.wrapping === null ? [] : await openRows(sql, rows, selection.wrapping);
    for (const [at, row] of rows.entries()) {
      const index = Number(row.leaf_index);
      if (complete) for (; next < index; next++) yield await leafLine(source, next, size);
      // A row that is there twice, or out of place, is shown as it is: the verifier will say so.
      next = index + 1;
      records += 1;
      yield await recordLine(source, row, personal[at] ?? null, size);
    }
  }
  if (complete) for (; next <= last; next++) yield await leafLine(source, next, size);
  // oxlint-enable no-await-in-loop
  yield { type: "footer", records };
}

/** The first and the last leaf that belong to the selection; [0, -1] if none does. */
async function boundsOf(sql: AuditSql, selection: ExportSelection): Promise<[number, number]> {
  const { customerId, checkpoint } = selection;
  if (selection.from === null && selection.to === null) return [0, checkpoint.size - 1];
  const [row] = await sql<{ first: string | null; last: string | null }[]>`
    select min(leaf_index) as first, max(leaf_index) as last from audit_records
      where customer_id = ${customerId} and leaf_index < ${checkpoint.size} ${within(sql, selection)}`;
  return row === undefined || row.first === null ? [0, -1] : [Number(row.first), Number(row.last)];
}

/** Page by page, each from where the last ended: a cursor would hold the connection that the proofs are read by. */
async function* rowsBetween(
  sql: AuditSql,
  selection: ExportSelection,
  first: number,
  last: number,
): AsyncGenerator<RecordRow[]> {
  for (let from = first; from <= last;) {
    // oxlint-disable-next-line no-await-in-loop -- where a page begins depends on the one before
    const rows: RecordRow[] = await sql<RecordRow[]>`
      select * from audit_records where customer_id = ${selection.customerId}
        and leaf_index >= ${from} and leaf_index <= ${last} ${within(sql, selection)}
        order by leaf_index limit ${pageRows}`;
    if (rows.length === 0) return;
    yield rows;
    from = Number(rows.at(-1)?.leaf_index) + 1;
  }
}

function within(sql: AuditSql, { from, to }: ExportSelection) {
  const lower = from === null ? sql`` : sql`and "timestamp" >= ${new Date(from).toISOString()}::timestamptz`;
  const upper = to === null ? sql`` : sql`and "timestamp" < ${new Date(to).toISOString()}::timestamptz`;
  return sql`${lower} ${upper}`;
}

async function recordLine(
  source: HashSource,
  row: RecordRow,
  personal: PersonalOf | null,
  size: number,
): Promise<ExportRecord> {
  const index = Number(row.leaf_index);
  return {
    type: "record",
    leaf_index: index,
    record: leafOf(row),
    personal: personal === null || typeof personal === "string" ? null : personal,
    erased: personal === "erased" || row.personal_sealed === null,
    proof: (await inclusionProof(source, index, size)).map(base64),
  };
}

async function leafLine(source: HashSource, index: number, size: number): Promise<ExportLeaf> {
  const [hash = new Uint8Array()] = await source.nodes(0, index, 1);
  const proof = (await inclusionProof(source, index, size)).map(base64);
  return { type: "leaf", leaf_index: index, leaf_hash: base64(hash), proof };
}

function timeText(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
