import type postgres from "postgres";

/** A day of the log, and the table that holds it. */
export interface Day {
  /** As `2026-11-23`, UTC. */
  readonly day: string;
  readonly table: "audit_logs" | "audit_logs_archive";
}

/** Days for which partitions are made ahead. */
const ahead = 7;
/** A day older than this is archived. */
const liveDays = 30;
/** For how many days a record is kept in Postgres at least; a customer may want more. */
export const minimumRetentionDays = 365;

const dayMs = 86_400_000;

/** The day of a time in epoch milliseconds, UTC. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** The first millisecond of a day and of the next. */
export function boundsOfDay(day: string): readonly [from: number, to: number] {
  const from = Date.parse(`${day}T00:00:00Z`);
  return [from, from + dayMs];
}

/** Days from today on that must have a partition. */
export function daysAhead(now: number): string[] {
  return Array.from({ length: ahead + 1 }, (_, at) => dayOf(now + at * dayMs));
}

/** Whether a day belongs into the archive at `now`: it is more than thirty days ago. */
export function isArchived(day: string, now: number): boolean {
  return day < dayOf(now - liveDays * dayMs);
}

/** Whether a day is past a retention at `now`. */
export function isExpired(day: string, retentionDays: number, now: number): boolean {
  return day < dayOf(now - retentionDays * dayMs);
}

/** Every day that has a partition, oldest first. */
export async function listDays(sql: postgres.Sql): Promise<Day[]> {
  return sql<Day[]>`
    select to_char(to_date(right(child.relname::text, 8), 'YYYYMMDD'), 'YYYY-MM-DD') as day, parent.relname::text as table
      from pg_catalog.pg_inherits i
      join pg_catalog.pg_class child on child.oid = i.inhrelid
      join pg_catalog.pg_class parent on parent.oid = i.inhparent
      where child.relkind = 'r' and parent.relname in ('audit_logs', 'audit_logs_archive') order by 1`;
}
