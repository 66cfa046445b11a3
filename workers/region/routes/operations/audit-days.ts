import type { listAuditDays, restoreAuditDay, runAuditRetention } from "../../../../schema/http/operations.ts";
import { AppError } from "../../../../schema/errors.ts";
import { withClient } from "../../../serve/database.ts";
import { pageOfRows, readCursor } from "../../../serve/page.ts";
import type { Handler } from "../../../serve/serve.ts";
import { listDays } from "../../audit/retention/days.ts";
import { restoreDay } from "../../audit/retention/restore.ts";
import { runRetention } from "../../audit/retention/run.ts";

/** How long one request may work on old days, in milliseconds. */
const sliceMs = 10_000;
const dayMs = 86_400_000;

interface DayRow {
  readonly day: string;
  readonly held_in: string;
  readonly objects: number;
  readonly records_in_bucket: number;
  readonly restored_until: string | null;
}

/** Where each day is: in one of the tables, or only in the bucket. */
export const handleListAuditDays: Handler<typeof listAuditDays, RegionEnv> = async ({ query }, served, env) => {
  const after = readCursor(query.cursor);
  const days = await withClient(env.DB_ARCHIVER, readDays, served.invocation);
  const shown = days.filter(({ day }) => after === null || day < after).slice(0, query.limit + 1);
  return {
    status: 200,
    body: pageOfRows(
      shown,
      query.limit,
      ({ day }) => day,
      (row) => row,
    ),
  };
};

async function readDays(sql: Parameters<typeof listDays>[0]): Promise<DayRow[]> {
  const partitions = await listDays(sql);
  const stored = await sql<{ day: string; objects: string; records: string; until: Date | null }[]>`
    select to_char(day, 'YYYY-MM-DD') as day, count(*) as objects, sum(records) as records,
        max(restored_until) filter (where removed_at is null) as until
      from audit_objects group by 1`;
  const inBucket = new Map(stored.map((row) => [row.day, row]));
  const tables = new Map(partitions.map(({ day, table }) => [day, table]));
  const days = [...new Set([...tables.keys(), ...inBucket.keys()])].toSorted().toReversed();
  return days.map((day) => ({
    day,
    held_in: tables.get(day) ?? "bucket",
    objects: Number(inBucket.get(day)?.objects ?? 0),
    records_in_bucket: Number(inBucket.get(day)?.records ?? 0),
    restored_until: inBucket.get(day)?.until?.toISOString() ?? null,
  }));
}

/** A part of the nightly work, now. */
export const handleRunAuditRetention: Handler<typeof runAuditRetention, RegionEnv> = async (_input, served, env) => ({
  status: 200,
  body: await runRetention(env, Date.now(), sliceMs, served.invocation),
});

/** Brings a day back; 404 if the bucket has nothing of it that is not in Postgres. */
export const handleRestoreAuditDay: Handler<typeof restoreAuditDay, RegionEnv> = async (
  { params: { day }, query },
  served,
  env,
) => {
  const until = Date.now() + query.keep_days * dayMs;
  const { objects, records } = await restoreDay(env, day, until, served.invocation);
  if (objects === 0) throw new AppError("not_found");
  return { status: 200, body: { day, objects, records, restored_until: new Date(until).toISOString() } };
};
