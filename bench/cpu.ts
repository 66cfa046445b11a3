import { readFileSync, readdirSync } from "node:fs";

const ticksPerSecond = 100;

/**
 * Seconds of CPU (user and system) that the processes `roots` and all their descendants have used, those that have ended and were waited for
 * too: Postgres has a process for each connection. Linux.
 */
export function cpuSeconds(roots: readonly number[]): number {
  const processes = readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => readStat(Number(entry)));
  const counted = new Set(roots);
  for (let before = -1; before !== counted.size;) {
    before = counted.size;
    for (const { pid, parent } of processes) if (counted.has(parent)) counted.add(pid);
  }
  return processes.filter(({ pid }) => counted.has(pid)).reduce((sum, { ticks }) => sum + ticks, 0) / ticksPerSecond;
}

function readStat(pid: number): { pid: number; parent: number; ticks: number }[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // utime, stime, and cutime, cstime of children that were waited for: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return [{ pid, parent: Number(fields[1]), ticks }];
  } catch (error) {
    // The process ended between the listing and the reading.
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || (error as NodeJS.ErrnoException).code === "ESRCH")
      return [];
    throw error;
  }
}
