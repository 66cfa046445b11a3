import { AsyncLocalStorage } from "node:async_hooks";

/** What has been counted since the isolate began, by name: `Gate requests`, `Gate rows`, `Gate awake ms`, `bucket put`, … */
export const counts = new Map<string, number>();

/** Adds to a count. */
export function count(name: string, amount = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + amount);
}

/** A stretch of time awake counts as this long at least, in milliseconds: it bounds what a response waits for at the output gate. */
const minimumAwakeMs = 5;

/** The meter of the object whose code runs. */
const running = new AsyncLocalStorage<ObjectMeter>();

/**
 * Counts what one object is billed for. An object is awake from the start of an event until its handler, what it passed to `waitUntil`, and its
 * timers have ended. Every socket, RPC call and R2 operation of ours is awaited by one of the three.
 */
export class ObjectMeter {
  readonly #name: string;
  readonly #storage: DurableObjectStorage;
  /** What keeps the object awake now. */
  #holds = 0;
  #since = 0;
  /** SQLite's own counter, as it was last read. */
  #changes = 0;

  constructor(name: string, ctx: DurableObjectState) {
    this.#name = name;
    this.#storage = ctx.storage;
    const waitUntil = ctx.waitUntil.bind(ctx);
    Object.defineProperty(ctx, "waitUntil", {
      value: (promise: Promise<unknown>) => {
        this.#hold();
        const release = (): void => this.#release();
        promise.then(release, release);
        waitUntil(promise);
      },
    });
  }

  /** Runs an event: an RPC call or an alarm. A call of the object to itself is not one. */
  async run<T>(work: () => T): Promise<Awaited<T>> {
    if (running.getStore() === this) return await work();
    count(`${this.#name} requests`);
    this.#hold();
    try {
      return await running.run(this, work);
    } finally {
      this.#release();
    }
  }

  /** Counts a timer from when it is set; call the result when it has fired or is cleared. */
  holdForTimer(): () => void {
    this.#hold();
    return () => this.#release();
  }

  #hold(): void {
    if (this.#holds === 0) {
      this.#since = Date.now();
      this.#countRows();
    }
    this.#holds += 1;
  }

  #release(): void {
    this.#holds -= 1;
    if (this.#holds > 0) return;
    count(`${this.#name} awake ms`, Math.max(minimumAwakeMs, Date.now() - this.#since));
    this.#countRows();
  }

  #countRows(): void {
    const { rows } = this.#storage.sql.exec<{ rows: number }>("select total_changes() as rows").one();
    count(`${this.#name} rows`, rows - this.#changes);
    this.#changes = rows;
  }
}

const { setTimeout: plainSetTimeout, clearTimeout: plainClearTimeout } = globalThis;
const timers = new Map<unknown, () => void>();

/** Attributes timers to the object that sets them. Called once, before any object is made. */
export function meterTimers(): void {
  Object.assign(globalThis, { setTimeout: meteredSetTimeout, clearTimeout: meteredClearTimeout });
}

function meteredSetTimeout(callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): unknown {
  const release = running.getStore()?.holdForTimer();
  if (release === undefined) return plainSetTimeout(callback, ms, ...args);
  const timer: unknown = plainSetTimeout(() => {
    try {
      callback(...args);
    } finally {
      endTimer(timer);
    }
  }, ms);
  timers.set(timer, release);
  return timer;
}

function meteredClearTimeout(timer: unknown): void {
  endTimer(timer);
  plainClearTimeout(timer as never);
}

function endTimer(timer: unknown): void {
  const release = timers.get(timer);
  if (timers.delete(timer)) release?.();
}
