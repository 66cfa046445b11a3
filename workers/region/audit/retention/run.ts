import type postgres from "postgres";
import { withClient } from "../../../serve/database.ts";
import type { Invocation } from "../../../serve/invocation.ts";
import { settingsOf } from "../../settings.ts";
import { dayKey } from "../object-names.ts";
import { boundsOfDay, daysAhead, isArchived, isExpired, listDays, minimumRetentionDays, type Day } from "./days.ts";
import { storeDay } from "./day-object.ts";

/** What a run has done. `done`: there is nothing left to do today. */
export interface RetentionReport {
  archived: number;
  /** Objects that were written and read back. */
  stored: number;
  /** Records taken out of Postgres. */
  removed: number;
  done: boolean;
}

/**
 * Moves old days: makes partitions ahead, moves days of more than thirty days ago to the archive table, and what is past its retention to
 * the region's bucket, where it is read back before anything is dropped. Each step is done or not; a run that is interrupted, or whose
 * `budgetMs` is used up, is gone on with by the next. `now` in epoch milliseconds.
 */
export function runRetention(
  env: RegionEnv,
  now: number,
  budgetMs: number,
  invocation: Invocation,
): Promise<RetentionReport> {
  const deadline = Date.now() + budgetMs;
  return withClient(
    env.DB_ARCHIVER,
    async (sql) => {
      const report: RetentionReport = { archived: 0, stored: 0, removed: 0, done: true };
      const days = JSON.stringify(daysAhead(now));
      await sql`select audit_ensure_day(day::date) from jsonb_array_elements_text(${days}::text::jsonb) as d(day)`;
      for (const { day, table } of await listDays(sql)) {
        if (Date.now() > deadline) {
          report.done = false;
          break;
        }
        // oxlint-disable-next-line no-await-in-loop -- a day after the other: what is done stays done
        await moveDay({ env, sql, now, deadline, invocation, report }, day, table);
      }
      say(env, "audit.retention", report);
      return report;
    },
    invocation,
  );
}

/** SQLSTATEs of a day that others hold on to: lock_not_available, deadlock_detected. The next run tries it again. */
const busy = new Set(["55P03", "40P01"]);

async function moveDay(run: Run, day: string, table: Day["table"]): Promise<void> {
  const { env, sql, now, report } = run;
  try {
    if (table === "audit_logs" && isArchived(day, now)) {
      await archive(sql, day);
      report.archived += 1;
      say(env, "audit.archived", { day });
    }
    if (isExpired(day, minimumRetentionDays, now)) await expire(run, day);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && busy.has(String(error.code)))) throw error;
    say(env, "audit.day_busy", { day, code: error.code });
  }
}

/** Detached and attached in one transaction. It waits for nobody for long: while it does, everybody waits for it. */
async function archive(sql: postgres.Sql, day: string): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`set local lock_timeout = '5s'`;
    await tx`select audit_archive_day(${day}::date)`;
  });
}

/** What every step of a run knows. */
interface Run {
  readonly env: RegionEnv;
  readonly sql: postgres.Sql;
  readonly now: number;
  readonly deadline: number;
  readonly invocation: Invocation;
  readonly report: RetentionReport;
}

async function expire({ env, sql, now, deadline, invocation, report }: Run, day: string): Promise<void> {
  const [restored] = await sql`
    select from audit_objects where day = ${day}::date and removed_at is null and restored_until > ${new Date(now)} limit 1`;
  if (restored !== undefined) return;
  const [from, to] = boundsOfDay(day);
  const customers = await sql<{ customer_id: string; rows: string }[]>`
    select customer_id, count(*) as rows from audit_logs_archive
      where "timestamp" >= ${new Date(from)} and "timestamp" < ${new Date(to)} group by customer_id order by customer_id`;
  const expired: string[] = [];
  for (const { customer_id: customerId, rows } of customers) {
    // oxlint-disable no-await-in-loop -- a customer after the other: what is done stays done
    if (Date.now() > deadline) {
      report.done = false;
      return;
    }
    const customer = await settingsOf(env).config.customer(customerId, invocation.waitUntil);
    if (!isExpired(day, customer?.audit_retention_days ?? minimumRetentionDays, now)) continue;
    if (await keepInBucket(env, sql, customerId, day, Number(rows))) report.stored += 1;
    expired.push(customerId);
    // oxlint-enable no-await-in-loop
  }
  const whole = expired.length === customers.length;
  const removed = (whole ? await drop(sql, day) : null) ?? (await removeRows(sql, day, expired));
  report.removed += removed;
  say(env, "audit.removed", { day, records: removed, customers: expired.length });
}

/** Stores a customer's day unless the bucket has all of it; returns whether it was stored now. */
async function keepInBucket(
  env: RegionEnv,
  sql: postgres.Sql,
  customerId: string,
  day: string,
  rows: number,
): Promise<boolean> {
  const objects = await sql<{ part: number; records: number; removed: boolean }[]>`
    select part, records, removed_at is not null as removed from audit_objects
      where customer_id = ${customerId} and day = ${day}::date order by part`;
  const kept = objects.filter(({ removed }) => !removed).reduce((sum, { records }) => sum + records, 0);
  if (kept === rows) return false;
  // What came after a part was removed from Postgres is the next part; a part that was not is written anew, whole.
  const part = objects.filter(({ removed }) => removed).length;
  const key = dayKey(customerId, day, part);
  const { records, sha256 } = await sql.begin((tx) => storeDay(env, tx, { customerId, day, key }));
  await sql`
    insert into audit_objects (customer_id, day, part, object_key, records, sha256, stored_at)
      values (${customerId}, ${day}::date, ${part}, ${key}, ${records}, ${sha256}, now())
      on conflict (customer_id, day, part) do update set records = excluded.records, sha256 = excluded.sha256, stored_at = now()`;
  say(env, "audit.stored", { day, customer: customerId, records });
  return true;
}

/** Drops a day whose every row the bucket has: the database counts for itself. Returns how many; null if it has rows that the bucket lacks. */
async function drop(sql: postgres.Sql, day: string): Promise<number | null> {
  return sql.begin(async (tx) => {
    await tx`set local lock_timeout = '5s'`;
    const [row] = await tx<{ dropped: boolean }[]>`select audit_drop_day(${day}::date) as dropped`;
    if (row?.dropped !== true) return null;
    const objects = await tx<{ records: number }[]>`
      update audit_objects set removed_at = now() where day = ${day}::date and removed_at is null returning records`;
    return sumOf(objects);
  });
}

/**
 * Takes out the rows of some customers, where others keep theirs for longer, or have some that came just now. A row of a customer's own
 * that the bucket lacks leaves all of that customer's in place, for the next run.
 */
async function removeRows(sql: postgres.Sql, day: string, customers: readonly string[]): Promise<number> {
  let removed = 0;
  for (const customerId of customers) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- a customer after the other
      removed += await sql.begin((tx) => removeRowsOf(tx, day, customerId));
    } catch (error) {
      if (!(error instanceof RowsDiffer)) throw error;
    }
  }
  return removed;
}

/** Postgres has other rows than the bucket: the transaction is rolled back. */
class RowsDiffer extends Error {
  override readonly name = "RowsDiffer";
}

async function removeRowsOf(tx: postgres.TransactionSql, day: string, customerId: string): Promise<number> {
  const [from, to] = boundsOfDay(day);
  const { count } = await tx`
    delete from audit_logs_archive where customer_id = ${customerId}
      and "timestamp" >= ${new Date(from)} and "timestamp" < ${new Date(to)}`;
  const objects = await tx<{ records: number }[]>`
    update audit_objects set removed_at = now()
      where customer_id = ${customerId} and day = ${day}::date and removed_at is null returning records`;
  if (count !== sumOf(objects)) throw new RowsDiffer();
  return count;
}

function sumOf(objects: readonly { readonly records: number }[]): number {
  return objects.reduce((sum, { records }) => sum + records, 0);
}

function say(env: RegionEnv, event: string, facts: object): void {
  console.log(JSON.stringify({ level: "info", event, region: settingsOf(env).region, ...facts }));
}
