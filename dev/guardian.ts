import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { root } from "./bundle.ts";
import { rememberProcesses } from "./orphans.ts";
import { processOf } from "./processes.ts";

/** What a guardian watches over. */
export interface Guarded {
  readonly stateDir: string;
  /** Whether the whole state folder is removed at the end. */
  readonly temporary: boolean;
}

/** A process that cleans up behind its owner, however that ends. */
export interface Guardian {
  /** Ends the guardian: its owner has cleaned up itself. */
  release(): Promise<void>;
}

/**
 * Starts a guardian of a state folder. If this process ends without `release`, by kill -9 for example, the guardian ends the runtimes, stops
 * Postgres and removes a temporary state folder.
 */
export function startGuardian(guarded: Guarded): Guardian {
  // Detached: Ctrl-C in a terminal must not reach it.
  const guardian = fork(join(root, "dev/guardian-process.ts"), [], {
    detached: true,
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  guardian.send(guarded);
  const known = processOf(guardian.pid ?? 0);
  if (known !== null) rememberProcesses(guarded.stateDir, "guardian", [{ pid: known.pid, started: known.started }]);
  return { release: () => release(guardian) };
}

async function release(guardian: ChildProcess): Promise<void> {
  if (guardian.exitCode !== null || guardian.signalCode !== null) return;
  guardian.kill("SIGKILL");
  await once(guardian, "exit");
}
