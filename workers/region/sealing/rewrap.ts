import type postgres from "postgres";
import { withClient } from "../../serve/database.ts";
import type { Invocation } from "../../serve/invocation.ts";
import { settingsOf, type RegionSettings } from "../settings.ts";
import { openSecret, sealSecret } from "../webhooks/secrets.ts";

/** Rows that are rewrapped at once. */
const batchRows = 200;

/** How a rewrapping went; `waiting`: keys and secrets that another key than the first still wraps. */
export interface Rewrapped {
  readonly rewrapped: number;
  readonly waiting: number;
}

/** Something that the ring wraps: a table, the column that names a row within its customer, and how its value is wrapped anew. */
interface Wrapping {
  readonly database: (env: RegionEnv) => Hyperdrive;
  readonly table: string;
  readonly column: string;
  readonly key: readonly string[];
  readonly anew: (
    settings: RegionSettings,
    row: Readonly<Record<string, string | number>>,
    value: Uint8Array,
  ) => Promise<Uint8Array>;
}

const wrappings: readonly Wrapping[] = [
  {
    database: (env) => env.DB_AUDIT,
    table: "audit_data_keys",
    column: "wrapped",
    key: ["subject_id"],
    anew: async ({ audit }, row, value) => {
      const subject = { customerId: String(row["customer_id"]), subjectId: String(row["subject_id"]) };
      return audit.wrap(subject, await audit.unwrap(subject, value));
    },
  },
  {
    database: (env) => env.DB_WEBHOOKS,
    table: "customer_data_keys",
    column: "wrapped",
    key: ["version"],
    anew: async ({ customerKeys }, row, wrapped) => {
      const [customerId, version] = [String(row["customer_id"]), Number(row["version"])];
      return customerKeys.wrap(customerId, version, await customerKeys.unwrap(customerId, { version, wrapped }));
    },
  },
  {
    database: (env) => env.DB_WEBHOOKS,
    table: "webhook_secrets",
    column: "sealed",
    key: ["endpoint_id", "number"],
    anew: async ({ dataKeys }, row, value) => {
      const [customerId, endpointId] = [String(row["customer_id"]), String(row["endpoint_id"])];
      const place = { customerId, endpointId, number: Number(row["number"]) };
      return sealSecret(dataKeys, place, await openSecret(dataKeys, place, value));
    },
  },
];

/**
 * Wraps what the region's ring wraps anew under its first key, for `budgetMs` at most, so that an older key can be taken away: data keys of the
 * audit log and of customers, signing secrets of webhooks. A key that is destroyed meanwhile stays destroyed: only the value that was read is
 * replaced.
 */
export async function rewrapDataKeys(env: RegionEnv, budgetMs: number, invocation: Invocation): Promise<Rewrapped> {
  const settings = settingsOf(env);
  const deadline = Date.now() + budgetMs;
  const total = { rewrapped: 0, waiting: 0 };
  for (const wrapping of wrappings) {
    // oxlint-disable-next-line no-await-in-loop -- a table after the other
    const one = await withClient(
      wrapping.database(env),
      (sql) => rewrap(sql, settings, wrapping, deadline),
      invocation,
    );
    total.rewrapped += one.rewrapped;
    total.waiting += one.waiting;
  }
  return total;
}

async function rewrap(
  sql: postgres.Sql,
  settings: RegionSettings,
  { table, column, key, anew }: Wrapping,
  deadline: number,
): Promise<Rewrapped> {
  const name = Buffer.from(settings.dataKeys.current);
  const current = Buffer.concat([Uint8Array.of(name.length), name]);
  const value = sql(column);
  const stale = sql`${value} is not null and substring(${value} from 1 for ${current.length}) <> ${current}`;
  const named = ["customer_id", ...key];
  let rewrapped = 0;
  for (let more = true; more && Date.now() < deadline;) {
    // oxlint-disable no-await-in-loop -- a batch after the other
    const rows = await sql<(Record<string, string | number> & { value: Uint8Array })[]>`
      select ${sql(named)}, ${value} as value from ${sql(table)} where ${stale} limit ${batchRows}`;
    let done = 0;
    for (const { value: before, ...row } of rows) {
      const after = await anew(settings, row, before).catch((error: unknown) => unopened(table, error));
      if (after === null) continue;
      const same = named.map((part) => sql`and ${sql(part)} = ${row[part] ?? ""}`);
      const { count } =
        await sql`update ${sql(table)} set ${value} = ${Buffer.from(after)} where ${value} = ${Buffer.from(before)} ${same}`;
      done += count;
    }
    rewrapped += done;
    more = rows.length === batchRows && done > 0;
    // oxlint-enable no-await-in-loop
  }
  const [left] = await sql<{ waiting: string }[]>`select count(*) as waiting from ${sql(table)} where ${stale}`;
  return { rewrapped, waiting: Number(left?.waiting ?? 0) };
}

/** What no key of the ring opens stays as it is, is counted among those that wait, and keeps nothing else from being rewrapped. */
function unopened(table: string, error: unknown): null {
  const name = error instanceof Error ? error.name : typeof error;
  console.error(JSON.stringify({ level: "error", event: "rewrap.unopened", table, error: name }));
  return null;
}
