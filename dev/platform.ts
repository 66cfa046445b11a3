import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { WorkerdStructuredLog } from "miniflare";
import { databaseUrls } from "./database-urls.ts";
import type { Network } from "./distance.ts";
import { startGuardian } from "./guardian.ts";
import { loginRoles } from "./login-roles.ts";
import { prepareDatabases, type databases } from "./migrate.ts";
import { endOrphans, forgetProcesses } from "./orphans.ts";
import { removePostgres, startPostgres, type LocalPostgres } from "./postgres.ts";
import { localSecrets, type LocalSecrets } from "./secrets.ts";
import { Broker } from "./queues/broker.ts";
import { serveQueues } from "./queues/server.ts";
import { startSupervisedPooler, type SupervisedPooler } from "./supervised-pooler.ts";
import type { WorkerName } from "./bundle.ts";
import type { DispatchedRequest } from "./runtime/dispatch.ts";
import { Runtimes } from "./runtimes.ts";

/** The platform on one machine: real Postgres, real workerd, all four Workers. */
export interface Platform {
  readonly baseUrl: string;
  readonly stateDir: string;
  readonly secrets: LocalSecrets;
  readonly postgres: LocalPostgres;
  readonly queues: Broker;
  /** Variables of every Worker that differ from its configuration, from the next start on. */
  readonly variables: Record<string, string>;
  /** How far its locations are apart, from the next start of the Workers on. */
  readonly network: Network;
  /** The newest lines that the Workers have logged, 10,000 at most. */
  readonly logs: readonly WorkerdStructuredLog[];
  /** A connection string of the owner, to whom row-level security does not apply, by database. */
  ownerUrl(database: (typeof databases)[number]): string;
  /** A connection string of the role that the Worker of a database has. */
  appUrl(database: (typeof databases)[number]): string;
  /** A connection string of the superuser. */
  superuserUrl(database: (typeof databases)[number]): string;
  /** The process ids of the workerds that the Workers run in. */
  runtimePids(): readonly number[];
  /** Stops the Workers and starts them on the same state: every object and every cache is evicted. */
  restartWorkers(how?: "stop" | "kill"): Promise<void>;
  /** Ends every Durable Object at once, as Cloudflare may end one at any time: their calls fail, their memory is lost. */
  abortObjects(): Promise<void>;
  /** kill -9 of the runtime of `consumersApart`; the queues and the edge go on. */
  killConsumers(): Promise<void>;
  startConsumers(): Promise<void>;
  /** Sends a request to a Worker over a service binding, as another Worker would. */
  request(worker: WorkerName, request: DispatchedRequest): Promise<Response>;
  /** Runs a Worker's nightly cron as if it were `time`; `cron` names another. */
  scheduled(worker: WorkerName, time: Date, cron?: string): Promise<void>;
  close(): Promise<void>;
}

/** How to start it. */
export interface PlatformOptions {
  readonly stateDir: string;
  readonly port: number;
  /** Removes the state folder at the end, also when this process is killed. */
  readonly temporary?: boolean;
  /** When it is aborted, the start fails and what has started is stopped. */
  readonly signal?: AbortSignal;
  /** Consumes the queues in a workerd of its own, with objects of its own, which can be killed while the edge continues. */
  readonly consumersApart?: boolean;
  /** Replaces the regions' read replicas, for tests in which they are unavailable. */
  readonly replicaUrl?: string;
  /** Keeps every body that a queue ever accepted, for tests that search them. */
  readonly keepsQueueHistory?: boolean;
  /** Modules that Workers start from instead of their configured ones, relative to the project's folder. For benchmarks. */
  readonly entries?: Readonly<Partial<Record<WorkerName, string>>>;
  /** Variables of every Worker that differ from its configuration, from the first start on. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Called with each line that a Worker logs. */
  readonly onLog?: (entry: WorkerdStructuredLog) => void;
  /** Called with a sentence when a part of the platform ended unexpectedly and was started again; standard error if not set. */
  readonly onFault?: (message: string) => void;
}

/** Lines of the Workers that are kept in memory. */
const maximumLogs = 10_000;

/** Starts everything and waits until the edge responds. The one way in for `npm start`, tests and benchmarks. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { port, signal } = options;
  const baseUrl = `http://localhost:${port}`;
  const logs: WorkerdStructuredLog[] = [];
  const variables: Record<string, string> = { ...options.variables };
  const network: Network = { distanceMs: 0 };
  const services = await startServices(options);
  const { stateDir, secrets, postgres, queues } = services;
  const databases = databaseUrls(loginRoles(secrets), services.pooler.port, options.replicaUrl);
  const entries = options.entries ?? {};
  const runtimes = new Runtimes({
    stateDir,
    workers: { port, databases, secrets, variables, network, queues: services.queuesAddress, entries },
    queues,
    consumersApart: options.consumersApart ?? false,
    onLogs: collector(logs, options.onLog),
    onFault: faultReporter(options),
  });
  const close = async (): Promise<void> => {
    await runtimes.stop();
    await services.stop();
  };
  try {
    signal?.throwIfAborted();
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
    stateDir,
    secrets,
    postgres,
    queues,
    variables,
    network,
    logs,
    ...urlsOf(postgres, secrets),
    runtimePids: () => runtimes.pids,
    restartWorkers: async (how = "stop") => {
      await runtimes.stop(how === "kill");
      await runtimes.start();
      await untilHealthy(baseUrl);
    },
    abortObjects: () => runtimes.abortObjects(),
    killConsumers: () => runtimes.killConsumers(),
    startConsumers: () => runtimes.startConsumers(),
    request: (worker, request) => runtimes.request(worker, request),
    scheduled: (worker, time, cron = "20 3 * * *") => runtimes.scheduled(worker, time, cron),
    close,
  };
}

/** What the Workers need and do not run themselves. */
interface Services {
  readonly stateDir: string;
  readonly secrets: LocalSecrets;
  readonly postgres: LocalPostgres;
  readonly pooler: SupervisedPooler;
  readonly queues: Broker;
  /** Where the queues listen, as `127.0.0.1:1234`. */
  readonly queuesAddress: string;
  stop(): Promise<void>;
}

async function startServices(options: PlatformOptions): Promise<Services> {
  const { temporary = false, keepsQueueHistory = false } = options;
  const stateDir = resolve(options.stateDir);
  mkdirSync(stateDir, { recursive: true });
  await endOrphans(stateDir);
  const guardian = startGuardian({ stateDir, temporary });
  const secrets = await localSecrets(stateDir);
  const postgres = await startPostgres(stateDir, secrets.superuserPassword);
  const roles = loginRoles(secrets);
  const pooler = await startSupervisedPooler({
    stateDir,
    postgresPort: postgres.port,
    roles,
    onFault: faultReporter(options),
  });
  const queues = new Broker(join(stateDir, "queues"), { keepsHistory: keepsQueueHistory });
  const server = await serveQueues(queues);
  return {
    stateDir,
    secrets,
    postgres,
    pooler,
    queues,
    queuesAddress: `127.0.0.1:${server.port}`,
    stop: async () => {
      await server.close();
      await pooler.close();
      await postgres.stop();
      forgetProcesses(stateDir);
      if (temporary) {
        await removePostgres(stateDir);
        rmSync(stateDir, { recursive: true, force: true });
      }
      await guardian.release();
    },
  };
}

function faultReporter({ onFault }: PlatformOptions): (message: string) => void {
  return onFault ?? ((message) => console.error(message));
}

function collector(logs: WorkerdStructuredLog[], onLog: PlatformOptions["onLog"]) {
  return (entries: readonly WorkerdStructuredLog[]): void => {
    logs.push(...entries);
    if (logs.length > maximumLogs) logs.splice(0, logs.length - maximumLogs);
    for (const entry of entries) onLog?.(entry);
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
    const response = await fetch(`${baseUrl}/healthz`, { signal: AbortSignal.timeout(5000) }).catch(
      (error: unknown) => error,
    );
    if (response instanceof Response && response.ok) return;
    if (Date.now() > deadline)
      throw new Error("GET /healthz did not respond with 200 within 30 s", { cause: response });
    await new Promise((resolved) => setTimeout(resolved, 50));
  }
}
