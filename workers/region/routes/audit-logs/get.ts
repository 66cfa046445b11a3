import { AppError } from "../../../../schema/errors.ts";
import type { getAuditLog } from "../../../../schema/http/audit-logs.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { onlyRecordsOf } from "../../audit/may-read.ts";
import { openRows, presentRecord } from "../../audit/present.ts";
import { findRecord, readAudit } from "../../audit/read.ts";
import { settingsOf } from "../../settings.ts";

/** One record; 404 for one that the caller may not see. */
export const handleGetAuditLog: Handler<typeof getAuditLog, RegionEnv> = async ({ params }, served, env) => {
  const principal = principalOf(served);
  const only = onlyRecordsOf(principal);
  const record = await readAudit(env, principal.customer_id, served.invocation, async (sql) => {
    const row = await findRecord(sql, principal.customer_id, params.id);
    if (row === null || (only !== null && row.user_id !== only)) throw new AppError("not_found");
    const [personal = "unreadable"] = await openRows(sql, [row], settingsOf(env).audit);
    return presentRecord(row, personal);
  });
  return { status: 200, body: record };
};
