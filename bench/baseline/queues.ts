import { Queue } from "bullmq";
import { jobOptions, queueOf, type Work } from "./jobs.ts";

/** An event as its jobs carry it. */
export interface QueuedEvent {
  readonly id: string;
  readonly type: string;
  readonly timestamp: Date;
  readonly data: unknown;
}

/** The BullMQ queues of the baseline. */
export interface JobQueues {
  /** Adds a job for each of the endpoints; Redis has them when this resolves. */
  enqueue(event: QueuedEvent, endpoints: readonly number[]): Promise<void>;
  /** Holds the jobs back, or releases them. */
  hold(held: boolean): Promise<void>;
}

/** Opens the queues of `endpoints` at the Redis of a port. */
export function openQueues(redisPort: number, endpoints: readonly number[]): JobQueues {
  const names = [...new Set(endpoints.map(queueOf))];
  const queues = new Map(names.map((name) => [name, new Queue<Work>(name, { connection: { port: redisPort } })]));
  return {
    enqueue: async ({ id, type, timestamp, data }, receivers) => {
      const body = JSON.stringify({ type, timestamp: timestamp.toISOString(), data });
      const adding = [...queues].map(([name, queue]) => {
        const of = receivers.filter((endpoint) => queueOf(endpoint) === name);
        return queue.addBulk(of.map((endpoint) => ({ name: type, data: { id, endpoint, body }, opts: jobOptions })));
      });
      await Promise.all(adding);
    },
    hold: async (held) => {
      await Promise.all([...queues.values()].map((queue) => (held ? queue.pause() : queue.resume())));
    },
  };
}
