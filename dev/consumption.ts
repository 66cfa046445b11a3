import type { WorkerName } from "./bundle.ts";
import type { Consumer } from "./queues/local-queue.ts";

/** A queue and the Worker that consumes it. */
export interface Consumption {
  readonly worker: WorkerName;
  readonly queue: string;
  readonly consumer: Consumer;
}
