// The baseline's worker: signs by `standardwebhooks` and posts by fetch. With `RECORDS=1` it writes each attempt to
// Postgres, as Domicile does.
import { Worker, type Job } from "bullmq";
import postgres from "postgres";
import { Webhook } from "standardwebhooks";
import { concurrency, queueOf, type Endpoint, type Work } from "../baseline/jobs.ts";

const endpoints = JSON.parse(process.env["ENDPOINTS"] ?? "[]") as Endpoint[];
const targets = endpoints.map(({ url, secret }) => ({ url, webhook: new Webhook(secret) }));
const sql = process.env["RECORDS"] === "1" ? postgres(process.env["POSTGRES"] ?? "") : null;

async function deliver({ data: { id, endpoint, body }, attemptsMade }: Job<Work>): Promise<void> {
  const target = targets[endpoint];
  if (target === undefined) throw new Error(`there is no endpoint ${endpoint}`);
  const at = new Date();
  const response = await fetch(target.url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": target.webhook.sign(id, at, body),
    },
    body,
    redirect: "manual",
    signal: AbortSignal.timeout(30_000),
  });
  await response.body?.cancel();
  if (sql !== null) {
    await sql`insert into delivery_attempts values
      (${id}, ${endpoint}, ${attemptsMade + 1}, ${response.status}, ${Date.now() - at.getTime()}, ${at}) on conflict do nothing`;
  }
  if (!response.ok) throw new Error(`the endpoint answered ${response.status}`);
}

const connection = { port: Number(process.env["REDIS_PORT"]), maxRetriesPerRequest: null };
const names = new Set(endpoints.map(({ number }) => queueOf(number)));
const workers = [...names].map((name) => new Worker<Work>(name, deliver, { connection, concurrency }));
await Promise.all(workers.map((worker) => worker.waitUntilReady()));
process.once("disconnect", () => process.exit());
process.send?.("ready");
