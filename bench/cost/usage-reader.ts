import type { WorkerdStructuredLog } from "miniflare";
import type { Platform } from "../../dev/platform.ts";
import { cpuSeconds } from "../cpu.ts";
import type { Usage } from "./prices.ts";
import { sleep } from "./traffic.ts";

/** What the region's Worker has counted, as `worker/region.ts` reports it. */
export type Counts = Readonly<Record<string, number>>;

/** The usage since the start, and what of it the objects of each class have counted. */
export interface Reading {
  readonly usage: Usage;
  readonly counts: Counts;
}

const reportMs = 5000;
const drainMs = 20_000;
/** Records of reads are packed for a second, and connections stay open for a second. */
const settleMs = 2200;
/** The classes of a region's objects. */
export const objectClasses = ["Gate", "SignInGuard", "AuditLog", "Courier", "EventWriter"];
const classA = ["put", "list", "createMultipartUpload"];
const classB = ["get", "head"];

/** Reads what Cloudflare would bill for the region us and the edge: from the platform's processes, and from the Worker that meters itself. */
export class UsageReader {
  #logLines = 0;
  #reports: Counts[] = [];

  /** To be passed to `startPlatform`. */
  readonly onLog = ({ message }: WorkerdStructuredLog): void => {
    if (message.startsWith('{"event":"bench.counts"'))
      this.#reports.push((JSON.parse(message) as { counts: Counts }).counts);
    else this.#logLines += 1;
  };

  /** Waits until what was started behind responses has ended, and reads. `requests`: sent to the edge so far. */
  async read(platform: Platform, requests: number): Promise<Reading> {
    await drained(platform);
    const logLines = this.#logLines;
    const counts = await this.#report(platform);
    const ofAll = (what: string): number =>
      sum(
        counts,
        objectClasses.map((name) => `${name} ${what}`),
      );
    const { written, read, deleted } = platform.queues.operations();
    const usage = {
      // Cron runs are left out: there is one each minute, whatever the traffic.
      workerRequests: requests + (counts["queue batches"] ?? 0),
      cpuMs: cpuSeconds(platform.runtimePids()) * 1000,
      objectRequests: ofAll("requests"),
      objectAwakeSeconds: ofAll("awake ms") / 1000,
      // An alarm that has fired is removed: a row that the object's own counter does not see.
      rowsWritten: ofAll("rows") + (counts["alarms"] ?? 0),
      queueOperations: written + read + deleted,
      logLines,
      analyticsPoints: counts["metrics"] ?? 0,
      r2Writes: sum(
        counts,
        classA.map((method) => `bucket ${method}`),
      ),
      r2Reads: sum(
        counts,
        classB.map((method) => `bucket ${method}`),
      ),
    };
    return { usage, counts };
  }

  async #report(platform: Platform): Promise<Counts> {
    this.#reports = [];
    await platform.scheduled("domicile-us", new Date(), "report the counts");
    const deadline = performance.now() + reportMs;
    for (;;) {
      const [report] = this.#reports;
      if (report !== undefined) return report;
      if (performance.now() > deadline) throw new Error(`The Worker has not logged its counts within ${reportMs} ms.`);
      await sleep(10);
    }
  }
}

async function drained({ queues }: Platform): Promise<void> {
  const deadline = performance.now() + drainMs;
  await sleep(settleMs);
  while (queues.metrics("domicile-audit-us").backlogCount > 0) {
    if (performance.now() > deadline) throw new Error(`The audit queue is not empty within ${drainMs} ms.`);
    await sleep(50);
  }
}

function sum(counts: Counts, names: readonly string[]): number {
  return names.reduce((total, name) => total + (counts[name] ?? 0), 0);
}
