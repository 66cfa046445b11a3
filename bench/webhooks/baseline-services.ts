import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import postgres from "postgres";
import { freePort } from "../../dev/free-port.ts";
import { removePostgres, startPostgres } from "../../dev/postgres.ts";

/** The Redis and the Postgres of the baseline. */
export interface Services {
  readonly redis: Redis;
  readonly redisPort: number;
  readonly redisPid: number;
  readonly sql: postgres.Sql;
  readonly postgresUrl: string;
  stop(): Promise<void>;
}

/** Starts both with their data under `folder`: Postgres as the platform starts its own, Redis as BullMQ asks for it. */
export async function startServices(folder: string): Promise<Services> {
  const password = randomBytes(16).toString("hex");
  const server = await startPostgres(folder, password);
  const postgresUrl = server.url("postgres", password, "postgres");
  const redisPort = await freePort();
  const data = join(folder, "redis");
  mkdirSync(data);
  // https://docs.bullmq.io/guide/going-to-production
  const durable = [
    "--appendonly",
    "yes",
    "--appendfsync",
    "everysec",
    "--save",
    "",
    "--maxmemory-policy",
    "noeviction",
  ];
  const args = ["--port", String(redisPort), "--bind", "127.0.0.1", ...durable];
  const child = spawn("redis-server", args, { cwd: data, stdio: "ignore" });
  const started = once(child, "spawn");
  process.once("exit", () => child.kill());
  const sql = postgres(postgresUrl);
  const stop = async (): Promise<void> => {
    child.kill();
    await sql.end({ timeout: 1 });
    await server.stop();
    await removePostgres(folder);
  };
  try {
    await started;
    await sql`create table events (id text primary key, customer text not null, type text not null, data jsonb not null,
      created_at timestamptz not null)`;
    await sql`create table delivery_attempts (event_id text not null, endpoint int not null, number int not null, status_code int,
      duration_ms int not null, attempted_at timestamptz not null, primary key (event_id, endpoint, number))`;
    return { redis: await connect(redisPort), redisPort, redisPid: child.pid ?? 0, sql, postgresUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function connect(port: number): Promise<Redis> {
  const redis = new Redis({ port, retryStrategy: () => 100, maxRetriesPerRequest: null });
  redis.on("error", notYet);
  await redis.ping();
  redis.off("error", notYet);
  return redis;
}

/** It may not listen yet; commands wait until it does. */
function notYet(): void {
  // Nothing to do.
}
