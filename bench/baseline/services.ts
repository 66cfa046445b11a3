import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "../../dev/free-port.ts";
import { startPostgres } from "../../dev/postgres.ts";
import { postmasterOf } from "../contender.ts";

/** The Redis and the Postgres of the baseline. */
export interface Services {
  readonly redis: Redis;
  readonly redisPort: number;
  /** The processes of each, for the CPU meter. */
  readonly pids: { readonly Redis: readonly number[]; readonly Postgres: readonly number[] };
  /** The superuser's connection string. */
  readonly postgresUrl: string;
  /** Stops both. */
  stop(): Promise<void>;
}

/** Appends to its file once a second and evicts nothing, as https://docs.bullmq.io/guide/going-to-production recommends. */
const redisSettings = [
  "--appendonly",
  "yes",
  "--appendfsync",
  "everysec",
  "--save",
  "",
  "--maxmemory-policy",
  "noeviction",
];

/** Starts both with their data in `stateDir`: Postgres with the settings of Domicile's, Redis as BullMQ recommends. */
export async function startServices(stateDir: string): Promise<Services> {
  const password = randomBytes(16).toString("hex");
  const server = await startPostgres(stateDir, password);
  const postgresUrl = server.url("postgres", password, "postgres");
  const redisPort = await freePort();
  const folder = join(stateDir, "redis");
  mkdirSync(folder);
  const args = ["--port", String(redisPort), "--bind", "127.0.0.1", ...redisSettings];
  const child = spawn("redis-server", args, { cwd: folder, stdio: "ignore" });
  const started = once(child, "spawn");
  process.once("exit", () => child.kill());
  const stop = async (): Promise<void> => {
    child.kill();
    await server.stop();
  };
  try {
    await started;
    const redis = await connect(redisPort);
    const pids = { Redis: [child.pid ?? 0], Postgres: [await postmasterOf(postgresUrl)] };
    return { redis, redisPort, pids, postgresUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function connect(port: number): Promise<Redis> {
  const redis = new Redis({ port, retryStrategy: () => 100, maxRetriesPerRequest: null, enableAutoPipelining: true });
  redis.on("error", ignore);
  await redis.ping();
  redis.off("error", ignore);
  return redis;
}

/** Redis may not listen yet. ioredis holds commands until it does. */
function ignore(): void {
  // Nothing to do.
}
