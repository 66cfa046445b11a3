import postgres from "postgres";
import { ask, type Answer } from "../../dev/api.ts";
import type { Platform } from "../../dev/platform.ts";
import { quantile } from "../quantile.ts";

/** Requests a second, and for how many seconds. */
const rate = 50;
const seconds = 20;
/** The pause between two looks, in milliseconds: as exact as the result can be. */
const lookMs = 2;

/** From a request's answer until its row can be read in Postgres, at 50 requests a second: half of them reads, half changes. */
export async function visible(platform: Platform, token: string): Promise<void> {
  const sql = postgres(platform.ownerUrl("us"), { max: 1, onnotice: () => undefined });
  const answered = new Map<string, number>();
  const seen = new Map<string, number>();
  const total = rate * seconds;
  const began = new Date();
  const looking = (async () => {
    while (seen.size < total) {
      const rows = await sql<{ request_id: string }[]>`
        select request_id from audit_logs where "timestamp" >= ${began} and action in ('me.update', 'limits.read')`;
      const now = performance.now();
      for (const { request_id: id } of rows) if (!seen.has(id)) seen.set(id, now);
      await new Promise((looked) => setTimeout(looked, lookMs));
    }
  })();
  const asking: Promise<void>[] = [];
  for (let at = 0; at < total; at++) {
    const change = at % 2 === 0;
    const request = change ? { method: "PATCH", body: { name: `Name ${at}` } } : {};
    asking.push(note(answered, ask(platform.baseUrl, change ? "/v1/me" : "/v1/limits", { ...request, token })));
    await new Promise((next) => setTimeout(next, 1000 / rate));
  }
  await Promise.all(asking);
  await looking;
  await sql.end();
  const lags = [...answered].map(([id, at]) => Math.max(0, (seen.get(id) ?? Number.NaN) - at));
  const [p50, p99, most] = [0.5, 0.99, 1].map((part) => quantile(lags, part).toFixed(0));
  console.log(
    `visible after the answer, ${rate} requests/s, ${total} requests: p50 ${p50} ms, p99 ${p99} ms, at most ${most} ms`,
  );
}

async function note(answered: Map<string, number>, asked: Promise<Answer>): Promise<void> {
  const { headers } = await asked;
  answered.set(headers.get("domicile-request-id") ?? "", performance.now());
}
