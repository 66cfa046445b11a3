/** Resolves when a promise has, after `ms` at the latest; to whether the promise has. */
export async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((ended) => {
    timer = setTimeout(() => ended(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Tells one that waits that something has happened. */
export class Signal {
  #raised = Promise.withResolvers<void>();

  raise(): void {
    this.#raised.resolve();
    this.#raised = Promise.withResolvers();
  }

  /** Resolves when it is raised next, after `ms` at the latest. */
  within(ms: number): Promise<boolean> {
    return within(this.#raised.promise, ms);
  }
}
