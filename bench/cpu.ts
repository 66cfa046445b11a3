import { readFileSync, readdirSync } from "node:fs";
import { median } from "./quantile.ts";

const ticksPerSecond = 100;

/** The processes of a stack: `roots` and all their descendants are all of it, `parts` are some of them by name. */
export interface ProcessGroups {
  readonly roots: readonly number[];
  readonly parts: Readonly<Record<string, readonly number[]>>;
}

/** CPU in microseconds per operation: of `all` processes, of each part, and of the `other` processes. */
export type Cpu = Readonly<Record<string, number>>;

/**
 * Seconds of CPU (user and system) that the processes `roots` and all their descendants have used. Includes descendants
 * that have ended and were waited for: Postgres has a process for each connection. Linux.
 */
export function cpuSeconds(roots: readonly number[]): number {
  const processes = readProcesses();
  const counted = treeOf(roots, processes);
  return processes.filter(({ pid }) => counted.has(pid)).reduce((sum, { ticks }) => sum + ticks, 0) / ticksPerSecond;
}

/** The processes `roots` and all their descendants that exist now. Linux. */
export function processTree(roots: readonly number[]): ReadonlySet<number> {
  return treeOf(roots, readProcesses());
}

/**
 * Starts to count the CPU of a stack. The function it returns divides what was used since by a number of operations.
 */
export function startCpuMeter({ roots, parts }: ProcessGroups): (operations: number) => Cpu {
  const groups = Object.entries({ all: roots, ...parts });
  const before = groups.map(([, pids]) => cpuSeconds(pids));
  return (operations) => {
    const used = groups.map(
      ([name, pids], at) => [name, ((cpuSeconds(pids) - (before[at] ?? 0)) / operations) * 1e6] as const,
    );
    const [all = 0, ...ofParts] = used.map(([, value]) => value);
    return { ...Object.fromEntries(used), other: all - ofParts.reduce((sum, value) => sum + value, 0) };
  };
}

/** The median of each group, for example "all 812, Postgres 301, other 511". */
export function describeCpu(measured: readonly Cpu[]): string {
  const names = Object.keys(measured[0] ?? {});
  return names
    .map((name) => `${name} ${Math.round(median(measured.map((cpu) => cpu[name] ?? Number.NaN)))}`)
    .join(", ");
}

/** Resolves when a stack has been nearly idle (at most 5 % of a core) for 400 ms, or after `maximumMs`. */
export async function untilIdle({ roots }: Pick<ProcessGroups, "roots">, maximumMs: number): Promise<void> {
  const deadline = performance.now() + maximumMs;
  let before = cpuSeconds(roots);
  for (let idle = 0; idle < 2 && performance.now() < deadline;) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const now = cpuSeconds(roots);
    idle = now - before <= 0.01 ? idle + 1 : 0;
    before = now;
  }
}

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

function treeOf(roots: readonly number[], processes: readonly ProcessStat[]): Set<number> {
  const found = new Set(roots);
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const { pid, parent } of processes) if (found.has(parent)) found.add(pid);
  }
  return found;
}

function readProcesses(): readonly ProcessStat[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => readStat(Number(entry)));
}

function readStat(pid: number): ProcessStat[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // utime, stime, and cutime, cstime of children that were waited for:
    // https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return [{ pid, parent: Number(fields[1]), ticks }];
  } catch (error) {
    // The process ended between the listing and the reading.
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || (error as NodeJS.ErrnoException).code === "ESRCH")
      return [];
    throw error;
  }
}
