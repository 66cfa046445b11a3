import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { endProcesses, type ProcessIdentity } from "./processes.ts";
import { writePrivately } from "./write-file.ts";

/** Processes that work on a state folder, by what they are. */
type Remembered = Partial<Record<ProcessKind, readonly ProcessIdentity[]>>;

/** A kind of process that works on a state folder. */
export type ProcessKind = "guardian" | "pooler" | "runtimes";

/** Stores which processes of a kind work on a state folder, so that a successor can end them if their owner is killed. */
export function rememberProcesses(stateDir: string, kind: ProcessKind, identities: readonly ProcessIdentity[]): void {
  writePrivately(file(stateDir), JSON.stringify({ ...read(stateDir), [kind]: identities }));
}

/** Forgets all of them: they have been stopped. */
export function forgetProcesses(stateDir: string): void {
  rmSync(file(stateDir), { force: true });
}

/** Ends the processes that a killed predecessor left behind on a state folder: they hold its port and its objects' storage. */
export async function endOrphans(stateDir: string): Promise<void> {
  const orphans = Object.values(read(stateDir)).flat();
  // A guardian ends the orphans of its owner, and is one of them.
  await endProcesses(orphans.filter(({ pid }) => pid !== process.pid));
  forgetProcesses(stateDir);
}

function read(stateDir: string): Remembered {
  return existsSync(file(stateDir)) ? (JSON.parse(readFileSync(file(stateDir), "utf8")) as Remembered) : {};
}

function file(stateDir: string): string {
  return join(stateDir, "processes.json");
}
