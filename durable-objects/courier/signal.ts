/** Resolves when a promise has, after `ms` at the latest. */
export async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((ended) => {
    timer = setTimeout(ended, ms);
  });
  try {
    await Promise.race([promise, late]);
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
  within(ms: number): Promise<void> {
    return within(this.#raised.promise, ms);
  }
}
