/**
 * Lets one piece of work run at a time, in the order of arrival. Within a Durable Object a request may await another's promise,
 * because all requests of an object share one I/O context. Between the requests of a Worker it may not (ADR 0009).
 */
export class Turns {
  readonly #maximumMs: number;
  #last: Promise<void> = Promise.resolve();

  /** `maximumMs`: a piece of work that takes longer, in milliseconds, no longer keeps the next one waiting. */
  constructor(maximumMs: number) {
    this.#maximumMs = maximumMs;
  }

  /** Runs `work` after all that came before it, and settles as `work` does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    const timer = setTimeout(resolve, this.#maximumMs);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      resolve();
    }
  }
}
