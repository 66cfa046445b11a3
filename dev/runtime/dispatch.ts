import { z } from "zod";
import type { BatchResult } from "../queues/local-queue.ts";
import type { StoredMessage } from "../queues/message.ts";

/** Where a dispatcher Worker listens, and what its callers must know. */
export interface DispatcherAddress {
  readonly url: string;
  readonly token: string;
}

/** The name of the dispatcher Worker. */
export const dispatcherName = "domicile-dispatcher";

/** A handler may take this long: the limit of a queue consumer and of a cron run on Cloudflare, in milliseconds. */
const handlerMs = 900_000;

const batchResultSchema = z.object({
  outcome: z.string(),
  ackAll: z.boolean(),
  retryBatch: z.object({ retry: z.boolean(), delaySeconds: z.number().optional() }),
  explicitAcks: z.array(z.string()),
  retryMessages: z.array(z.object({ msgId: z.string(), delaySeconds: z.number().optional() })),
});
const scheduledResultSchema = z.object({ outcome: z.string() });

/** Passes a batch to a Worker's `queue()`. Rejects when the Worker cannot be reached. */
export async function dispatchBatch(
  to: DispatcherAddress,
  worker: string,
  queue: string,
  messages: readonly StoredMessage[],
): Promise<BatchResult> {
  return batchResultSchema.parse(await post(to, `queue/${worker}/${queue}`, messages)) as BatchResult;
}

/** Runs a Worker's `scheduled()` as if it were `time`, for that cron. Rejects when the Worker cannot be reached or the run fails. */
export async function dispatchScheduled(
  to: DispatcherAddress,
  worker: string,
  time: Date,
  cron: string,
): Promise<void> {
  const result = await post(to, `scheduled/${worker}`, { time: time.getTime(), cron });
  const { outcome } = scheduledResultSchema.parse(result);
  if (outcome !== "ok") throw new Error(`scheduled() of ${worker} ended with the outcome ${outcome}`);
}

/** Ends every Durable Object at once: their calls fail, their memory is lost. Rejects when the Workers cannot be reached. */
export async function dispatchAbort(to: DispatcherAddress): Promise<void> {
  await post(to, "abort", {});
}

/** A request for `dispatchRequest`. */
export interface DispatchedRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends a request to a Worker's `fetch()`, as another Worker would over a service binding. Rejects when the Worker cannot be reached. */
export function dispatchRequest(
  { url, token }: DispatcherAddress,
  worker: string,
  request: DispatchedRequest,
): Promise<Response> {
  return fetch(`${url}/fetch/${worker}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(handlerMs),
  });
}

async function post({ url, token }: DispatcherAddress, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${url}/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(handlerMs),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`The dispatcher responded with ${response.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}
