import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processes } from "./processes.ts";

interface Remembered {
  readonly pid: number;
  readonly started: string;
}

/** Writes down which runtimes work on a state folder, so that a successor can end them if this process is killed. */
export function rememberRuntimes(stateDir: string, pids: readonly number[]): void {
  const known = processes()
    .filter(({ pid }) => pids.includes(pid))
    .map(({ pid, started }) => ({ pid, started }));
  writeFileSync(file(stateDir), JSON.stringify(known));
}

/** Forgets them: they have been stopped. */
export function forgetRuntimes(stateDir: string): void {
  rmSync(file(stateDir), { force: true });
}

/**
 * Ends the runtimes that a killed predecessor left working on a state folder: they hold its port and its objects' storage. A process
 * that only has the number of one is let be.
 */
export async function endOrphans(stateDir: string): Promise<void> {
  if (!existsSync(file(stateDir))) return;
  const remembered = JSON.parse(readFileSync(file(stateDir), "utf8")) as Remembered[];
  const left = (): number[] =>
    processes()
      .filter(({ pid, started }) => remembered.some((known) => known.pid === pid && known.started === started))
      .map(({ pid }) => pid);
  for (const pid of left()) process.kill(pid, "SIGKILL");
  const deadline = Date.now() + 5000;
  while (left().length > 0) {
    if (Date.now() > deadline) throw new Error(`the processes ${left().join(", ")} of an earlier start do not end`);
    await new Promise((looked) => setTimeout(looked, 20));
  }
  forgetRuntimes(stateDir);
}

function file(stateDir: string): string {
  return join(stateDir, "runtimes.json");
}
