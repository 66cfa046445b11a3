/** An endpoint of the baseline. */
export interface Endpoint {
  readonly number: number;
  readonly url: string;
  /** `whsec_…` */
  readonly secret: string;
}

/** A job: deliver this event to that endpoint. */
export interface Work {
  readonly id: string;
  readonly endpoint: number;
  /** `{"type","timestamp","data"}` */
  readonly body: string;
}

/** Concurrent attempts per endpoint, as in Domicile; of all endpoints together where they share a queue. */
export const concurrency = process.env["ONE_QUEUE"] === "1" ? 25 : 5;

/**
 * The queue of an endpoint: one of its own, so that a slow endpoint delays no other, or with `ONE_QUEUE=1` the same for
 * all.
 */
export function queueOf(endpoint: number): string {
  return process.env["ONE_QUEUE"] === "1" ? "webhooks" : `webhooks-${endpoint}`;
}

/** The first attempt, and five more after 1, 2, 4, 8 and 16 s. */
export const jobOptions = {
  attempts: 6,
  backoff: { type: "exponential", delay: 1000, jitter: 0.1 },
  removeOnComplete: true,
};
