import type postgres from "postgres";
import { connect, type DatabaseBinding } from "./connect.ts";
import { isDatabaseUnavailable } from "./is-database-unavailable.ts";

/** How a connection is kept. Times in milliseconds. */
export interface KeptClientOptions {
  /** After this time without a response, Postgres counts as unavailable and the connection is given up. */
  readonly boundMs?: number;
  /** An unused connection that was not released is closed after this time. */
  readonly idleMs?: number;
}

/** A connection that is kept between one piece of work and the next. Methods reject as `isDatabaseUnavailable` recognises when Postgres is unavailable. */
export interface KeptClient {
  /** Runs work once. If the connection breaks, the work may or may not have been done. */
  run<T>(work: (client: postgres.Sql) => Promise<T>): Promise<T>;
  /**
   * Runs work that may be done twice: a read, or a write that does nothing the second time. If a connection that had worked before turns
   * out to be broken or does not respond, the work runs once more on a new connection.
   */
  runRepeatable<T>(work: (client: postgres.Sql) => Promise<T>): Promise<T>;
  /**
   * Says that no more work is known. Closes the connection, unless the previous release was less than `denseMs` ago: then more work is likely,
   * and the connection stays open until it has been unused for `idleMs`.
   */
  release(): Promise<void>;
  /** Closes the connection; while work uses it, as soon as that ends. The next work opens a new one. */
  close(): Promise<void>;
}

/** Two releases within this time mean dense traffic: connecting for each piece of work would cost more than staying connected. In milliseconds. */
export const denseMs = 1000;
const defaults = { boundMs: 10_000, idleMs: 1000 };
/** How long a connection may take to close before it is cut, in seconds. */
const closeSeconds = 1;

interface Kept {
  readonly client: postgres.Sql;
  users: number;
  /** Whether any work has succeeded on it. */
  proven: boolean;
  /** Whether the last user is to close it. */
  retired: boolean;
}

/**
 * Keeps one connection for a Durable Object. Not for Workers: a request of a Worker may not use the socket of another. An open socket keeps the
 * object awake and billed, so its owner calls `release` when nothing is left to do.
 */
export function keptClient(hyperdrive: DatabaseBinding, options?: KeptClientOptions): KeptClient {
  return new Keeper(hyperdrive, { ...defaults, ...options });
}

class Keeper implements KeptClient {
  readonly #hyperdrive: DatabaseBinding;
  readonly #options: Required<KeptClientOptions>;
  #kept: Kept | null = null;
  /** Epoch milliseconds. */
  #releasedAt = 0;

  constructor(hyperdrive: DatabaseBinding, options: Required<KeptClientOptions>) {
    this.#hyperdrive = hyperdrive;
    this.#options = options;
  }

  run<T>(work: (client: postgres.Sql) => Promise<T>): Promise<T> {
    return this.#runOn(this.#current(), work);
  }

  async runRepeatable<T>(work: (client: postgres.Sql) => Promise<T>): Promise<T> {
    const kept = this.#current();
    const { proven } = kept;
    try {
      return await this.#runOn(kept, work);
    } catch (error) {
      // A new connection that fails says that Postgres itself is unavailable; trying again at once would only add load.
      if (!proven || !isDatabaseUnavailable(error)) throw error;
      return this.#runOn(this.#current(), work);
    }
  }

  async release(): Promise<void> {
    const now = Date.now();
    const dense = now - this.#releasedAt < denseMs;
    this.#releasedAt = now;
    if (!dense) await this.close();
  }

  async close(): Promise<void> {
    const kept = this.#kept;
    this.#kept = null;
    if (kept === null) return;
    kept.retired = true;
    if (kept.users === 0) await end(kept, closeSeconds);
  }

  #current(): Kept {
    this.#kept ??= { client: this.#connect(), users: 0, proven: false, retired: false };
    return this.#kept;
  }

  #connect(): postgres.Sql {
    return connect(this.#hyperdrive, 1, this.#options.idleMs / 1000);
  }

  async #runOn<T>(kept: Kept, work: (client: postgres.Sql) => Promise<T>): Promise<T> {
    kept.users += 1;
    try {
      const result = await inTime(work(kept.client), this.#options.boundMs);
      kept.proven = true;
      return result;
    } catch (error) {
      if (isDatabaseUnavailable(error)) await this.#drop(kept);
      throw error;
    } finally {
      kept.users -= 1;
      if (kept.users === 0 && kept.retired) await end(kept, closeSeconds);
    }
  }

  /** Cuts a broken connection. Other work that waits for it rejects as well. */
  async #drop(kept: Kept): Promise<void> {
    if (this.#kept === kept) this.#kept = null;
    await end(kept, 0);
  }
}

/** Ends a client after at most `seconds`. Does not reject: the connection is of no use any more, whatever its end reports. */
async function end({ client }: Kept, seconds: number): Promise<void> {
  await client.end({ timeout: seconds }).catch(() => undefined);
}

/** The result of `work`, or a rejection with `ETIMEDOUT` after `boundMs`. */
async function inTime<T>(work: Promise<T>, boundMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(Object.assign(new Error("Postgres does not respond"), { code: "ETIMEDOUT" })),
      boundMs,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
