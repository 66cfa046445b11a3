import { fork, spawn, type ChildProcess } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A process that listens on a port of 127.0.0.1. */
export interface Listening {
  readonly pid: number;
  readonly port: number;
}

/** The path of workerd's binary. */
const { default: workerd } = createRequire(import.meta.url)("workerd") as { default: string };

const children: ChildProcess[] = [];

/** Forks a file of this folder, which sends `{ port }` when it listens. */
export async function forkListening(file: string, env: Record<string, string> = {}): Promise<Listening> {
  const child = fork(here(file), { env: { ...process.env, ...env } });
  children.push(child);
  const port = await new Promise<number>((listening, failed) => {
    child.once("message", (message) => listening((message as { port: number }).port));
    child.once("exit", (code) => failed(new Error(`${file} ended with ${code}`)));
  });
  return { pid: child.pid ?? 0, port };
}

/** Starts workerd with a configuration of this folder that has one socket. */
export async function startWorkerd(config: string, env: Record<string, string>): Promise<Listening> {
  const child = spawn(workerd, ["serve", here(config), "--control-fd=3"], {
    stdio: ["ignore", "inherit", "inherit", "pipe"],
    env: { ...process.env, ...env },
  });
  children.push(child);
  const control = child.stdio[3] as NodeJS.ReadableStream;
  const port = await new Promise<number>((listening, failed) => {
    createInterface(control).once("line", (line) => listening((JSON.parse(line) as { port: number }).port));
    child.once("exit", (code) => failed(new Error(`workerd ended with ${code}`)));
  });
  return { pid: child.pid ?? 0, port };
}

/** Starts a Redis that stores nothing. It may not listen yet when this returns. */
export function startRedis(port: number): number {
  const redis = spawn("redis-server", ["--port", String(port), "--save", "", "--appendonly", "no"], {
    stdio: "ignore",
  });
  children.push(redis);
  return redis.pid ?? 0;
}

/** Ends every process that this file has started. */
export function endChildren(): void {
  for (const child of children) child.kill();
}

function here(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}
