import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import type { WorkerdStructuredLog } from "miniflare";
import { prepareDatabases, type databases } from "./migrate.ts";
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
  /** Called with each line that a Worker logs. */
  readonly onLog?: (entry: WorkerdStructuredLog) => void;
}

/** Starts everything and waits until the edge answers. The one way in for `npm start`, tests and benchmarks. */
export async function startPlatform({ stateDir, port, onLog }: PlatformOptions): Promise<Platform> {
  const folder = resolve(stateDir);
  mkdirSync(folder, { recursive: true });
  const secrets = await localSecrets(folder);
  const postgres = await startPostgres(folder, secrets.superuserPassword);
  const logs: WorkerdStructuredLog[] = [];
  const log = (entry: WorkerdStructuredLog): void => {
    logs.push(entry);
    onLog?.(entry);
  };
  const start = (): Promise<RunningWorkers> => startWorkers({ stateDir: folder, port, postgres, secrets, log });
  const baseUrl = `http://localhost:${port}`;
  try {
    await prepareDatabases(postgres, secrets);
    let workers = await start();
    await untilHealthy(baseUrl);
    return {
      baseUrl,
      stateDir: folder,
      secrets,
      postgres,
      logs,
      ownerUrl: (database) => postgres.url("domicile_owner", secrets.ownerPassword, database),
      appUrl: (database) => postgres.url(`${database}_app`, secrets.appPasswords[database], database),
      runtimePids: () => workers.pids,
      restartWorkers: async (how = "stop") => {
        if (how === "kill") workers.kill();
        await workers.stop();
        workers = await start();
        await untilHealthy(baseUrl);
      },
      close: async () => {
        await workers.stop();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop("immediate");
    throw error;
  }
}

async function untilHealthy(baseUrl: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const answer = await fetch(`${baseUrl}/healthz`).catch((error: unknown) => error);
    if (answer instanceof Response && answer.ok) return;
    if (Date.now() > deadline) throw new Error("the platform is not healthy after 30 s", { cause: answer });
    await new Promise((resolved) => setTimeout(resolved, 50));
  }
}
