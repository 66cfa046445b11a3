import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** A process of this machine. */
export interface MachineProcess {
  readonly pid: number;
  readonly parent: number;
  /** When it began, in the system's own words: with the number, its identity, for numbers are given again. */
  readonly started: string;
  readonly command: string;
}

/** What tells one process from a later one that has its number. */
export type ProcessIdentity = Pick<MachineProcess, "pid" | "started">;

/** How long a killed process may take to end, in milliseconds. */
const endMs = 10_000;

/** kill -9 of processes, by identity: one that only has the number of another stays. Resolves when they have ended. */
export async function endProcesses(identities: readonly ProcessIdentity[]): Promise<void> {
  const left = (): number[] =>
    identities.length === 0
      ? []
      : processes()
          .filter(({ pid, started }) => identities.some((known) => known.pid === pid && known.started === started))
          .map(({ pid }) => pid);
  for (const pid of left()) signal(pid);
  const deadline = Date.now() + endMs;
  while (left().length > 0) {
    if (Date.now() > deadline)
      throw new Error(`The processes ${left().join(", ")} did not end within ${endMs / 1000} s.`);
    await new Promise((looked) => setTimeout(looked, 20));
  }
}

function signal(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // ESRCH: it ended in the meantime.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The processes of this machine. Reads /proc where there is one (slim images have no `ps`); empty on Windows. */
export function processes(): MachineProcess[] {
  if (process.platform === "win32") return [];
  if (existsSync("/proc/self/stat")) {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => fromProc(Number(name)) ?? []);
  }
  const rows = execFileSync("ps", ["-axww", "-o", "pid=,ppid=,lstart=,args="], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
    maxBuffer: 64 * 1024 * 1024,
  });
  return rows.split("\n").flatMap((row) => fromPs(row) ?? []);
}

/** The process of that number, null if it lives no more. */
export function processOf(pid: number): MachineProcess | null {
  return processes().find((known) => known.pid === pid) ?? null;
}

/**
 * proc_pid_stat(5): after the name in parentheses come the state, the parent, …, the 18th is the number of threads, the 20th the start
 * in clock ticks. A zombie is gone, but not before its last thread is: until then it has its sockets.
 */
function fromProc(pid: number): MachineProcess | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" && Number(fields[17]) <= 1) return null;
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return { pid, parent: Number(fields[1]), started: fields[19] ?? "", command };
  } catch (error) {
    // ENOENT and ESRCH: it ended while we looked.
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
}

function fromPs(row: string): MachineProcess | null {
  const found = /^\s*(\d+)\s+(\d+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.*)$/.exec(row);
  if (found === null) return null;
  const [, pid, parent, started = "", command = ""] = found;
  return { pid: Number(pid), parent: Number(parent), started, command };
}
