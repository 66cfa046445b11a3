import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import type { WorkerdStructuredLog } from "miniflare";
import { prepareDatabases, type databases } from "./migrate.ts";
import { endOrphans } from "./orphans.ts";
import { startPostgres, type LocalPostgres } from "./postgres.ts";
import { localSecrets, type LocalSecrets } from "./secrets.ts";
import { startWorkers, type RunningWorkers } from "./workers.ts";

/** The platform on one machine: real Postgres, real workerd, all four Workers. */
export interface Platform {
  readonly baseUrl: string;
  readonly stateDir: string;
  readonly secrets: LocalSecrets;
  readonly postgres: LocalPostgres;
  /** What the Workers have logged since the start. */
  readonly logs: readonly WorkerdStructuredLog[];
  /** A connection string of the owner, who is above row-level security, by database. */
  ownerUrl(database: (typeof databases)[number]): string;
  /** A connection string of the role that the Worker of a database has. */
  appUrl(database: (typeof databases)[number]): string;
  /** The processes that the Workers run in. */
  runtimePids(): readonly number[];
  /** Stops the Workers and starts them on the same state: every object and every cache is evicted. */
  restartWorkers(how?: "stop" | "kill"): Promise<void>;
  close(): Promise<void>;
}

/** How to start it. */
export interface PlatformOptions {
  readonly stateDir: string;
  readonly port: number;
  /** Aborted: the start is given up, and what has started is ended. Who gives one sees to signals of the system too. */
  readonly signal?: AbortSignal;
  /** Called with each line that a Worker logs. */
  readonly onLog?: (entry: WorkerdStructuredLog) => void;
}

/** Starts everything and waits until the edge answers. The one way in for `npm start`, tests and benchmarks. */
export async function startPlatform({ stateDir, port, signal, onLog }: PlatformOptions): Promise<Platform> {
  const folder = resolve(stateDir);
  mkdirSync(folder, { recursive: true });
  await endOrphans(folder);
  const secrets = await localSecrets(folder);
  const postgres = await startPostgres(folder, secrets.superuserPassword);
  const logs: WorkerdStructuredLog[] = [];
  const log = (entry: WorkerdStructuredLog): void => {
    logs.push(entry);
    onLog?.(entry);
  };
  const start = (): Promise<RunningWorkers> =>
    startWorkers({ stateDir: folder, port, postgres, secrets, handlesSignals: signal !== undefined, log });
  const baseUrl = `http://localhost:${port}`;
  let workers: RunningWorkers | undefined;
  try {
    await prepareDatabases(postgres, secrets);
    signal?.throwIfAborted();
    workers = await start();
    await untilHealthy(baseUrl, signal);
    let running = workers;
    return {
      baseUrl,
      stateDir: folder,
      secrets,
      postgres,
      logs,
      ownerUrl: (database) => postgres.url("domicile_owner", secrets.ownerPassword, database),
      appUrl: (database) => postgres.url(`${database}_app`, secrets.appPasswords[database], database),
      runtimePids: () => running.pids,
      restartWorkers: async (how = "stop") => {
        if (how === "kill") running.kill();
        await running.stop();
        running = await start();
        await untilHealthy(baseUrl);
      },
      close: async () => {
        await running.stop();
        await postgres.stop();
      },
    };
  } catch (error) {
    await workers?.stop();
    await postgres.stop();
    throw error;
  }
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
