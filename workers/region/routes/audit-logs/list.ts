import { isRecordTime, type listAuditLogs } from "../../../../schema/http/audit-logs.ts";
import { isId } from "../../../../schema/ids.ts";
import { pageOfRows, readCursor } from "../../../serve/page.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { invalid } from "../../../serve/validate.ts";
import { narrowTo } from "../../audit/may-read.ts";
import { openRows, presentRecord } from "../../audit/present.ts";
import { findRecords, readAudit, type RecordRow } from "../../audit/read.ts";
import { settingsOf } from "../../settings.ts";

/** Lists records of this region, newest first. */
export const handleListAuditLogs: Handler<typeof listAuditLogs, RegionEnv> = async ({ query }, served, env) => {
  const principal = principalOf(served);
  const { customer_id: customerId } = principal;
  const filter = {
    customerId,
    userId: narrowTo(principal, query.user_id),
    apiKeyId: query.api_key_id,
    action: query.action,
    outcome: query.outcome,
    from: query.from === undefined ? undefined : Date.parse(query.from),
    to: query.to === undefined ? undefined : Date.parse(query.to),
    after: readPlace(readCursor(query.cursor)),
  };
  const { rows, personal } = await readAudit(env, customerId, served.invocation, async (sql) => {
    const found = await findRecords(sql, filter, query.limit + 1, Date.now());
    return { rows: found, personal: await openRows(sql, found, settingsOf(env).audit) };
  });
  const opened = rows.map((row, at) => ({ row, personal: personal[at] ?? "unreadable" }));
  const page = pageOfRows(
    opened,
    query.limit,
    ({ row }) => placeOf(row),
    ({ row, personal: fields }) => presentRecord(row, fields),
  );
  return { status: 200, body: page };
};

/** Where a record is in the list: the time and, among records of one millisecond, the id. */
function placeOf(row: RecordRow): string {
  return `${row.timestamp.toISOString()} ${row.id}`;
}

function readPlace(place: string | null) {
  if (place === null) return undefined;
  const [time = "", id = ""] = place.split(" ");
  const timestamp = Date.parse(time);
  if (!isRecordTime(timestamp) || !isId("auditRecord", id)) throw invalid("cursor", "is not a cursor of this list");
  return { timestamp, id };
}
