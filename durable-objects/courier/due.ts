import type { Pulled } from "./ports.ts";

/** What decides when something is due at an endpoint. Times in epoch milliseconds. */
export interface Schedule {
  /** The endpoint as last read; null: it has not been read, or does not exist. */
  readonly endpoint: Pulled | null;
  /** When the next dead letters may be delivered again. */
  readonly redriveAt: number;
  /** When the endpoint is probed; null if no probe is planned. */
  readonly probeAt: number | null;
}

/** When a dead letter may be delivered again, as a probe if the endpoint is failing; `Infinity` if there is none. */
export function parkedDueAt({ endpoint, redriveAt, probeAt }: Schedule): number {
  if (endpoint?.enabled !== true || endpoint.parkedDue === null) return Infinity;
  return endpoint.failingSince === null ? Math.max(endpoint.parkedDue, redriveAt) : (probeAt ?? Infinity);
}

/** When the next pending delivery becomes due; `Infinity` if there is none. */
export function pendingDueAt({ endpoint }: Schedule): number {
  return (endpoint?.enabled === true ? endpoint.nextDue : null) ?? Infinity;
}

/** The earlier of two times, where null means none. */
export function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}
