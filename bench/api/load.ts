import { Client } from "undici";
import type { Contender } from "../contender.ts";
import { clientOptions, Failures, send, type BenchRequest } from "../request.ts";

/** How hard to press: each connection sends its next request when it has the response to the one before. */
export interface Load {
  readonly connections: number;
  readonly seconds: number;
}

/** What came of a load. */
export interface LoadResult {
  /** Expected responses that arrived within the time. */
  readonly requestsPerSecond: number;
  /** From request to response in milliseconds, of every expected response; those after the time too. */
  readonly latencies: readonly number[];
  /** Every other outcome. */
  readonly failures: Failures;
}

/** How long a request may take, in milliseconds. */
const timeoutMs = 5000;
/**
 * The pause of a connection after a request without a response: it must not spin when the server is down, in
 * milliseconds.
 */
const pauseMs = 50;

/** Sends a request over and over for a time, and waits for the last responses. */
export async function runLoad(
  { baseUrl, token }: Pick<Contender, "baseUrl" | "token">,
  request: BenchRequest,
  { connections, seconds }: Load,
): Promise<LoadResult> {
  const latencies: number[] = [];
  const failures = new Failures();
  let inTime = 0;
  const end = performance.now() + seconds * 1000;
  const runConnection = async (): Promise<void> => {
    const client = new Client(baseUrl, clientOptions(timeoutMs));
    for (let began = performance.now(); began < end; began = performance.now()) {
      const outcome = await send(client, token, request);
      const now = performance.now();
      if (outcome.ok) {
        latencies.push(now - began);
        if (now <= end) inTime += 1;
        continue;
      }
      failures.add(outcome.reason);
      if (outcome.status === null) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    await client.destroy();
  };
  await Promise.all(Array.from({ length: connections }, runConnection));
  return { requestsPerSecond: inTime / seconds, latencies, failures };
}
