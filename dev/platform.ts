import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { WorkerdStructuredLog } from "miniflare";
import { prepareDatabases, type databases } from "./migrate.ts";
import { endOrphans } from "./orphans.ts";
import { startPostgres, type LocalPostgres } from "./postgres.ts";
import { localSecrets, type LocalSecrets } from "./secrets.ts";
import { Broker } from "./queues/broker.ts";
import { serveQueues } from "./queues/server.ts";
import type { WorkerName } from "./bundle.ts";
import { Runtimes } from "./runtimes.ts";

/** The platform on one machine: real Postgres, real workerd, all four Workers. */
export interface Platform {
  readonly baseUrl: string;
  readonly stateDir: string;
  readonly secrets: LocalSecrets;
  readonly postgres: LocalPostgres;
  readonly queues: Broker;
  /** Variables of every Worker that say otherwise than its configuration, from the next start on. */
  readonly variables: Record<string, string>;
  /** What the Workers have logged since the start. */
  readonly logs: readonly WorkerdStructuredLog[];
  /** A connection string of the owner, who is above row-level security, by database. */
  ownerUrl(database: (typeof databases)[number]): string;
  /** A connection string of the role that the Worker of a database has. */
  appUrl(database: (typeof databases)[number]): string;
  /** A connection string of the superuser, who is above everything. */
  superuserUrl(database: (typeof databases)[number]): string;
  /** The processes that the Workers run in. */
  runtimePids(): readonly number[];
  /** Stops the Workers and starts them on the same state: every object and every cache is evicted. */
  restartWorkers(how?: "stop" | "kill"): Promise<void>;
  /** kill -9 of the runtime of `consumersApart`; the queues and the edge go on. */
  killConsumers(): Promise<void>;
  startConsumers(): Promise<void>;
  /** Runs a Worker's nightly cron as if it were `time`; `cron` names another. */
  scheduled(worker: WorkerName, time: Date, cron?: string): Promise<void>;
  close(): Promise<void>;
}

/** How to start it. */
export interface PlatformOptions {
  readonly stateDir: string;
  readonly port: number;
  /** Aborted: the start is given up, and what has started is ended. Who gives one sees to signals of the system too. */
  readonly signal?: AbortSignal;
  /** Consumes the queues in a workerd of its own, with objects of its own, which can be killed while the edge goes on. */
  readonly consumersApart?: boolean;
  /** Stands in for the regions' read replicas, to be away. */
  readonly replicaUrl?: string;
  /** Keeps every body that a queue ever took, for tests that search them. */
  readonly keepsQueueHistory?: boolean;
  /** Called with each line that a Worker logs. */
  readonly onLog?: (entry: WorkerdStructuredLog) => void;
}

/** Starts everything and waits until the edge answers. The one way in for `npm start`, tests and benchmarks. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { port, signal } = options;
  const folder = resolve(options.stateDir);
  mkdirSync(folder, { recursive: true });
  await endOrphans(folder);
  const secrets = await localSecrets(folder);
  const postgres = await startPostgres(folder, secrets.superuserPassword);
  const logs: WorkerdStructuredLog[] = [];
  const log = noting(logs, options.onLog);
  const baseUrl = `http://localhost:${port}`;
  const queues = new Broker(join(folder, "queues"), { keepsHistory: options.keepsQueueHistory ?? false });
  const server = await serveQueues(queues);
  const shared = {
    port,
    postgres,
    secrets,
    queues: `127.0.0.1:${server.port}`,
    handlesSignals: signal !== undefined,
    replicaUrl: options.replicaUrl,
    variables: {},
    log,
  };
  const runtimes = new Runtimes(folder, shared, queues, options.consumersApart ?? false);
  const close = async (): Promise<void> => {
    await runtimes.stop();
    await server.close();
    await postgres.stop();
  };
  try {
    await prepareDatabases(postgres, secrets);
    signal?.throwIfAborted();
    await runtimes.start();
    await untilHealthy(baseUrl, signal);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    baseUrl,
    stateDir: folder,
    secrets,
    postgres,
    queues,
    variables: shared.variables,
    logs,
    ...urlsOf(postgres, secrets),
    runtimePids: () => runtimes.pids,
    restartWorkers: async (how = "stop") => {
      await runtimes.stop(how === "kill");
      await runtimes.start();
      await untilHealthy(baseUrl);
    },
    killConsumers: () => runtimes.killConsumers(),
    startConsumers: () => runtimes.startConsumers(),
    scheduled: (worker, time, cron = "20 3 * * *") => runtimes.scheduled(worker, time, cron),
    close,
  };
}

function noting(logs: WorkerdStructuredLog[], onLog: PlatformOptions["onLog"]) {
  return (entry: WorkerdStructuredLog): void => {
    logs.push(entry);
    onLog?.(entry);
  };
}

function urlsOf(
  postgres: LocalPostgres,
  secrets: LocalSecrets,
): Pick<Platform, "ownerUrl" | "appUrl" | "superuserUrl"> {
  return {
    ownerUrl: (database) => postgres.url("domicile_owner", secrets.ownerPassword, database),
    appUrl: (database) => postgres.url(`${database}_app`, secrets.appPasswords[database], database),
    superuserUrl: (database) => postgres.url("postgres", secrets.superuserPassword, database),
  };
}

async function untilHealthy(baseUrl: string, signal?: AbortSignal): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    signal?.throwIfAborted();
    const answer = await fetch(`${baseUrl}/healthz`, { signal: AbortSignal.timeout(5000) }).catch(
      (error: unknown) => error,
    );
    if (answer instanceof Response && answer.ok) return;
    if (Date.now() > deadline) throw new Error("the platform is not healthy after 30 s", { cause: answer });
    await new Promise((resolved) => setTimeout(resolved, 50));
  }
}
