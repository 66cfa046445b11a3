import { isRegion, regionNames, type Region } from "../schema/regions.ts";
import { CommandError, type Operator, operatorHere, request } from "./operator.ts";

const usage = `npm run audit:retention -- REGION    archives and stores old days now, and shows progress; interrupted, the next run goes on
npm run audit:restore -- REGION      lists the days that the bucket has
npm run audit:restore -- REGION DAY  restores a day (YYYY-MM-DD) from the bucket for seven days
  REGION  ${regionNames.join(" or ")}
They use the platform that npm start runs here, or the one that DOMICILE_URL and OPERATOR_TOKEN name.
Exit code 0: done. 1: the platform cannot be reached or did not do it. 2: the command is wrong.`;

interface Retention {
  readonly archived: number;
  readonly stored: number;
  readonly removed: number;
  readonly done: boolean;
}

interface Day {
  readonly day: string;
  readonly held_in: "audit_logs" | "audit_logs_archive" | "bucket";
  readonly objects: number;
  readonly records_in_bucket: number;
  readonly restored_until: string | null;
}

interface Restored {
  readonly objects: number;
  readonly records: number;
  readonly restored_until: string;
}

/** Archives and stores old days until nothing is left to do, and prints the progress. */
async function retain(operator: Operator, region: Region): Promise<void> {
  const total = { archived: 0, stored: 0, removed: 0 };
  for (;;) {
    const path = `/operator/v1/audit-days/retention?region=${region}`;
    const { body } = await request<Retention>(operator, "POST", path);
    for (const name of ["archived", "stored", "removed"] as const) total[name] += body[name];
    console.log(
      `${region}: ${total.archived} days archived, ${total.stored} objects stored, ${total.removed} records removed`,
    );
    if (body.done) return;
  }
}

/** Every day of the region's audit log, newest first. */
async function daysOf(operator: Operator, region: Region): Promise<Day[]> {
  const days: Day[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ region, limit: "100", ...(cursor !== null && { cursor }) });
    const path = `/operator/v1/audit-days?${query.toString()}`;
    const { body }: { body: { data: Day[]; next_cursor: string | null } } = await request(operator, "GET", path);
    days.push(...body.data);
    cursor = body.next_cursor;
  } while (cursor !== null);
  return days;
}

/** Prints the days that the bucket has. */
async function list(operator: Operator, region: Region): Promise<void> {
  const stored = (await daysOf(operator, region)).filter(({ objects }) => objects > 0);
  if (stored.length === 0) console.log(nothingStored(region));
  for (const { day, records_in_bucket: records, restored_until: until } of stored)
    console.log(`${region} ${day}: ${records} records${until === null ? "" : `, restored until ${until}`}`);
}

/** Restores a day from the bucket. */
async function restore(operator: Operator, region: Region, day: string): Promise<void> {
  const path = `/operator/v1/audit-days/${day}/restore?region=${region}`;
  const { status, body } = await request<Restored>(operator, "POST", path, [404]);
  if (status === 404) throw new CommandError(await whyNot(operator, region, day), 1);
  console.log(
    `${region} ${day}: ${body.records} records of ${body.objects} objects are back until ${body.restored_until}`,
  );
}

/** Why a day cannot be restored, and which can. */
async function whyNot(operator: Operator, region: Region, day: string): Promise<string> {
  const days = await daysOf(operator, region);
  const held = days.find((one) => one.day === day);
  if (held !== undefined && held.held_in !== "bucket")
    return `${region} ${day} needs no restoring: its records are in Postgres (${held.held_in}).`;
  const stored = days.filter(({ objects }) => objects > 0);
  const [newest, oldest] = [stored.at(0), stored.at(-1)];
  if (newest === undefined || oldest === undefined)
    return `There is no archived day ${day} in ${region}. ${nothingStored(region)}`;
  return `There is no archived day ${day} in ${region}. The bucket has ${stored.length} days, from ${oldest.day} to ${newest.day}; list them with: npm run audit:restore -- ${region}`;
}

function nothingStored(region: Region): string {
  return `The bucket of ${region} has no days yet: a day moves there when its records are older than the customers' retention (at least 365 days).`;
}

async function main([command, region, day, ...rest]: readonly string[]): Promise<void> {
  if (command !== "retention" && command !== "restore") throw new CommandError(usage, 2);
  if (!isRegion(region)) {
    const named = region === undefined ? "Name a region" : `There is no region "${region}"; name one of these`;
    throw new CommandError(`${named}: ${regionNames.join(" or ")}.\n\n${usage}`, 2);
  }
  if (rest.length > 0 || (command === "retention" && day !== undefined))
    throw new CommandError(`There is an argument too many.\n\n${usage}`, 2);
  if (day !== undefined && !isDay(day)) throw new CommandError(`"${day}" is not a day. Write it as YYYY-MM-DD.`, 2);
  const operator = operatorHere();
  if (command === "retention") await retain(operator, region);
  else await (day === undefined ? list(operator, region) : restore(operator, region, day));
}

function isDay(text: string): boolean {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
