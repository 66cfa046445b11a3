import type { Pulled } from "./ports.ts";

/** What decides when something is due at an endpoint. Times in epoch milliseconds. */
export interface Schedule {
  /** The endpoint as last read; null: it has not been read, or does not exist. */
  readonly endpoint: Pulled | null;
  /** When the next dead letters may be taken up. */
  readonly redriveAt: number;
  /** When the endpoint is to be probed; null: no probe is planned. */
  readonly probeAt: number | null;
}

/** When a dead letter may be taken up, or the endpoint is to be probed with one; infinite: never. */
export function parkedDueAt({ endpoint, redriveAt, probeAt }: Schedule): number {
  if (endpoint?.enabled !== true || endpoint.parkedDue === null) return Infinity;
  return endpoint.failingSince === null ? Math.max(endpoint.parkedDue, redriveAt) : (probeAt ?? Infinity);
}

/** When a delivery is due that is not due yet; infinite: none is. */
export function pendingDueAt({ endpoint }: Schedule): number {
  return (endpoint?.enabled === true ? endpoint.nextDue : null) ?? Infinity;
}

/** The earlier of two times, where null means none. */
export function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}
