import postgres from "postgres";
import { ask } from "../../dev/api.ts";
import type { Platform } from "../../dev/platform.ts";
import { quantile } from "../quantile.ts";

const days = 60;
/** Rows that are compared: a small log and a large one. */
const sizes = [20_000, 2_000_000] as const;
const repeats = 200;

interface Reader {
  readonly customerId: string;
  readonly userId: string;
  readonly token: string;
}

/** Whether the dashboard's query and `/recent` stay as fast: over 60 days, half of it in the archive. */
export async function read(platform: Platform, reader: Reader): Promise<void> {
  const sql = postgres(platform.superuserUrl("us"), { max: 1, onnotice: () => undefined });
  await sql`select audit_ensure_day((now() at time zone 'utc')::date - ago) from generate_series(0, ${days}) ago`;
  let filled = 0;
  const medians: { list: number; recent: number }[] = [];
  for (const size of sizes) {
    await fill(sql, reader, filled, size);
    filled = size;
    await sql`vacuum analyze`;
    const list = await median(() => ask(platform.baseUrl, `/v1/audit-logs?user_id=${reader.userId}`, reader));
    const recent = await median(() => sql.unsafe(recentQuery, [reader.customerId, reader.userId]));
    medians.push({ list, recent });
    console.log(
      `with ${size} rows over ${days} days: GET /v1/audit-logs?user_id= ${list.toFixed(1)} ms, the query of /recent ${recent.toFixed(2)} ms (medians of ${repeats})`,
    );
  }
  const [small, large] = medians;
  if (small !== undefined && large !== undefined)
    console.log(
      `ratio ${sizes[1]} / ${sizes[0]}: list ${(large.list / small.list).toFixed(2)}, recent ${(large.recent / small.recent).toFixed(2)}`,
    );
  await explain(sql, reader);
  await sql.end();
}

const recentQuery = `select * from audit_records where customer_id = $1 and user_id = $2
  and "timestamp" >= now() - interval '2 days' order by "timestamp" desc, id desc limit 20`;

/** Rows of a hundred customers with a hundred users each, evenly over the days; the reader is one of them. */
async function fill(sql: postgres.Sql, { customerId, userId }: Reader, from: number, to: number): Promise<void> {
  for (const table of ["audit_logs", "audit_logs_archive"]) {
    await sql.unsafe(`
      insert into ${table} (customer_id, id, user_id, api_key_id, action, resource_type, resource_id, outcome, "timestamp", request_id,
          region, leaf_index, personal_commitment, personal_sealed)
        select case when n % 100 = 0 then '${customerId}' else 'cus_bench_' || n % 100 end, 'aud_bench_' || lpad(n::text, 16, '0'),
          case when n % 10000 = 0 then '${userId}' else 'usr_bench_' || n % 10000 end, null,
          (array['GET /orders/{id}', 'me.read', 'limits.read', 'user.update'])[1 + n % 4], 'orders', n::text,
          case when n % 50 = 0 then 'denied' else 'success' end, at, 'req_bench_' || n, 'us', 1000000 + n, sha256(n::text::bytea), sha256(n::text::bytea)
        from (select n, date_trunc('milliseconds', now() - interval '1 minute' - (n % ${days * 1440}) * interval '1 minute') as at
          from generate_series(${from}, ${to - 1}) n) rows
        where audit_table_of((at at time zone 'utc')::date) = '${table}'`);
  }
}

async function median(run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let at = 0; at < repeats; at++) {
    const began = performance.now();
    await run();
    times.push(performance.now() - began);
  }
  return quantile(times, 0.5);
}

async function explain(sql: postgres.Sql, { customerId, userId }: Reader): Promise<void> {
  const dashboard = `select * from audit_records where customer_id = $1 and user_id = $2 order by "timestamp" desc, id desc limit 20`;
  for (const [name, query] of [
    ["/recent", recentQuery],
    ["the dashboard's query over table and archive", dashboard],
  ] as const) {
    const plan = await sql.unsafe(`explain (analyze, costs off, buffers off) ${query}`, [customerId, userId]);
    const lines = plan.map((row) => String(row["QUERY PLAN"]));
    const scans = lines.filter((line) => line.includes("Scan"));
    const indexed = scans.filter((line) => /Index Scan using \S*user\S*/.test(line)).length;
    console.log(
      `EXPLAIN ANALYZE of ${name}: ${scans.length} scans, ${indexed} of them by an index on (customer, user, timestamp desc)`,
    );
    console.log([...lines.slice(0, 6), "  …", ...lines.slice(-2)].map((line) => `  ${line}`).join("\n"));
  }
}
