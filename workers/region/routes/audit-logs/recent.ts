import { LRUCache } from "lru-cache";
import type { AuditRecord, recentAuditLogs } from "../../../../schema/http/audit-logs.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { openRows, presentRecord } from "../../audit/present.ts";
import { findRecords, readAudit } from "../../audit/read.ts";
import { settingsOf } from "../../settings.ts";

/** How many of the last actions are shown. */
const shown = 20;
/** For how long they are remembered, in milliseconds. */
const rememberedMs = 300_000;

interface Remembered {
  readonly data: readonly AuditRecord[];
  readonly readAt: number;
}

/** By principal, in this isolate's memory: the dashboard asks often, and five minutes are allowed (system-design.md, turn 4). */
const remembered = new LRUCache<string, Remembered>({ max: 2000, ttl: rememberedMs });

/** The caller's own last actions, at most five minutes old; `Age` (RFC 9111 §5.1) says how old. */
export const handleRecentAuditLogs: Handler<typeof recentAuditLogs, RegionEnv> = async (_input, served, env) => {
  const { type, id, customer_id: customerId } = principalOf(served);
  const now = Date.now();
  const known = remembered.get(id);
  if (known !== undefined) return reply(known, now);
  const own = type === "user" ? { userId: id } : { apiKeyId: id };
  const data = await readAudit(env, customerId, served.invocation, async (sql) => {
    const rows = await findRecords(sql, { customerId, ...own }, shown, now);
    const personal = await openRows(sql, rows, settingsOf(env).audit);
    return rows.map((row, at) => presentRecord(row, personal[at] ?? "unreadable"));
  });
  remembered.set(id, { data, readAt: now });
  return reply({ data, readAt: now }, now);
};

function reply({ data, readAt }: Remembered, now: number) {
  const age = Math.floor((now - readAt) / 1000);
  const headers = { age: String(age), "cache-control": `private, max-age=${rememberedMs / 1000}` };
  return { status: 200, body: { data }, headers };
}
