import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import type { FromChild, PoolerOptions, PoolerStats, ToChild } from "./options.ts";

/** A pooler in a process of its own, between Workers and Postgres. */
export interface Pooler {
  /** The port of 127.0.0.1 where it listens. */
  readonly port: number;
  readonly pid: number;
  /** A connection string through the pooler. */
  url(user: string, password: string, database: string): string;
  /** Rejects if the process has ended. */
  stats(): Promise<PoolerStats>;
  /** Ends the process. Clients lose their connections. */
  close(): Promise<void>;
  /** Resolves when the process has ended, whether it was closed, killed or failed. To replace it, start another with the same `port`. */
  readonly exited: Promise<PoolerExit>;
}

/** How the process ended. */
export interface PoolerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether `close` was called before. */
  readonly wasClosed: boolean;
}

/** How long the process may take to end after `close`, in milliseconds. */
const closeTimeoutMs = 3000;

/** Starts a pooler. Rejects if the port is in use. */
export async function startPooler(options: PoolerOptions): Promise<Pooler> {
  const child = fork(join(import.meta.dirname, "process.ts"), [], {
    // Without the loaders of a test runner, and without PG* variables, which `pg` would obey.
    execArgv: [],
    env: { PATH: process.env["PATH"] ?? "" },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  let wasClosed = false;
  const exited = new Promise<PoolerExit>((ended) => {
    child.once("exit", (code, signal) => ended({ code, signal, wasClosed }));
  });
  const port = await listening(child, options);
  const answers = new Map<number, { done(stats: PoolerStats): void; failed(error: Error): void }>();
  child.on("message", (message: FromChild) => {
    if (message.kind === "stats") answers.get(message.id)?.done(message.stats);
  });
  child.once("exit", () => {
    for (const answer of answers.values()) answer.failed(new Error("the pooler has ended"));
  });
  let lastId = 0;
  return {
    port,
    pid: child.pid ?? 0,
    exited,
    url: (user, password, database) =>
      `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
    stats: async () => {
      const id = ++lastId;
      try {
        return await new Promise<PoolerStats>((done, failed) => {
          answers.set(id, { done, failed });
          send(child, { kind: "stats", id }).catch(failed);
        });
      } finally {
        answers.delete(id);
      }
    },
    close: async () => {
      wasClosed = true;
      // It may have ended by itself.
      await send(child, { kind: "close" }).catch(() => undefined);
      const timer = setTimeout(() => child.kill("SIGKILL"), closeTimeoutMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

function listening(child: ChildProcess, options: PoolerOptions): Promise<number> {
  return new Promise((done, failed) => {
    child.once("error", failed);
    child.once("exit", (code, signal) => failed(new Error(`the pooler ended with ${code ?? signal}`)));
    child.once("message", (message: FromChild) => {
      if (message.kind === "listening") return done(message.port);
      child.disconnect();
      failed(new Error(message.kind === "failed" ? `the pooler: ${message.message}` : "the pooler did not start"));
    });
    send(child, { kind: "start", options }).catch(failed);
  });
}

function send(child: ChildProcess, message: ToChild): Promise<void> {
  return new Promise((sent, failed) => {
    if (!child.connected) return failed(new Error("the pooler has ended"));
    child.send(message, (error) => (error === null ? sent() : failed(error)));
  });
}
