import type { recentAuditLogs } from "../../../../schema/http/audit-logs.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { openRows, presentRecord } from "../../audit/present.ts";
import { findRecords, readAudit } from "../../audit/read.ts";
import { RecentMemory, rememberedMs } from "../../audit/recent-memory.ts";
import { settingsOf } from "../../settings.ts";

/** How many of the last actions are shown. */
const shown = 20;

/** This isolate's. */
const memory = new RecentMemory();

/** The caller's own last actions, at most five minutes old; `Age` (RFC 9111 §5.1) says how old. */
export const handleRecentAuditLogs: Handler<typeof recentAuditLogs, RegionEnv> = async (_input, served, env) => {
  const { type, id, customer_id: customerId } = principalOf(served);
  const now = Date.now();
  const own = type === "user" ? { userId: id } : { apiKeyId: id };
  const { data, readAt } = await memory.find(id, now, () =>
    readAudit(env, customerId, served.invocation, async (sql) => {
      const rows = await findRecords(sql, { customerId, ...own }, shown, now);
      const personal = await openRows(sql, rows, settingsOf(env).audit);
      return rows.map((row, at) => presentRecord(row, personal[at] ?? "unreadable"));
    }),
  );
  const age = Math.floor((now - readAt) / 1000);
  const headers = { age: String(age), "cache-control": `private, max-age=${rememberedMs / 1000}` };
  return { status: 200, body: { data }, headers };
};
