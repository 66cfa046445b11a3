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

/**
 * Appends to its file once a second and evicts nothing, as https://docs.bullmq.io/guide/going-to-production recommends.
 */
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
  // Redis may not listen yet. ioredis holds commands until it does, and reports each attempt to connect as an error.
  const redis = new Redis({
    port: redisPort,
    retryStrategy: () => 100,
    maxRetriesPerRequest: null,
    enableAutoPipelining: true,
  });
  redis.on("error", () => undefined);
  const stop = async (): Promise<void> => {
    redis.disconnect();
    child.kill();
    await server.stop();
  };
  try {
    await started;
    await redis.ping();
    const pids = { Redis: [child.pid ?? 0], Postgres: [await postmasterOf(postgresUrl)] };
    return { redis, redisPort, pids, postgresUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
