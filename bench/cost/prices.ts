/*
 * Cloudflare's list prices, the paid plan, without what the plan includes. Read in November 2026. This is the one place for prices: change
 * them here and run `npm run bench:cost` again.
 */

/** What is counted. */
export interface Usage {
  /** Invocations of Workers: requests, queue batches, cron runs. Calls over service bindings are not billed. */
  readonly workerRequests: number;
  readonly cpuMs: number;
  /** RPC calls and alarms of Durable Objects. */
  readonly objectRequests: number;
  readonly objectAwakeSeconds: number;
  /** Rows that Durable Objects write to their SQLite. */
  readonly rowsWritten: number;
  readonly queueOperations: number;
  readonly logLines: number;
  readonly analyticsPoints: number;
  /** Class A operations. */
  readonly r2Writes: number;
  /** Class B operations. */
  readonly r2Reads: number;
}

/** The price of a million units, in dollars. */
export interface Price {
  readonly name: string;
  readonly perMillion: number;
  readonly source: string;
}

/** Memory that an object is billed for while it is awake, in GB. */
const objectGb = 0.128;

const workers = "https://developers.cloudflare.com/workers/platform/pricing/";
const objects = "https://developers.cloudflare.com/durable-objects/platform/pricing/";
const queues = "https://developers.cloudflare.com/queues/platform/pricing/";
const logs = "https://developers.cloudflare.com/workers/observability/logs/workers-logs/";
const analytics = "https://developers.cloudflare.com/analytics/analytics-engine/pricing/";
const r2 = "https://developers.cloudflare.com/r2/pricing/";

/** The price list. Object storage at rest, Hyperdrive (free) and Postgres (not Cloudflare's) are not in it. */
export const prices: Readonly<Record<keyof Usage, Price>> = {
  workerRequests: { name: "Worker requests", perMillion: 0.3, source: workers },
  cpuMs: { name: "CPU, ms", perMillion: 0.02, source: workers },
  objectRequests: { name: "object requests", perMillion: 0.15, source: objects },
  // $12.50 per million GB-s.
  objectAwakeSeconds: { name: "object time awake, s", perMillion: 12.5 * objectGb, source: objects },
  rowsWritten: { name: "rows written", perMillion: 1, source: objects },
  queueOperations: { name: "queue operations", perMillion: 0.4, source: queues },
  // From 1 December 2026 $0.25 per GB instead. A line of ours has less than 300 bytes, so this is the higher one.
  logLines: { name: "log lines", perMillion: 0.6, source: logs },
  analyticsPoints: { name: "Analytics Engine points", perMillion: 0.25, source: analytics },
  r2Writes: { name: "R2 writes (class A)", perMillion: 4.5, source: r2 },
  r2Reads: { name: "R2 reads (class B)", perMillion: 0.36, source: r2 },
};
