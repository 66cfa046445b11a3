import type postgres from "postgres";
import { connect, type DatabaseBinding } from "./connect.ts";

/** Extends an invocation past its response until a promise settles. */
export type WaitUntil = (promise: Promise<unknown>) => void;

/**
 * One run of a Worker: a request, a queue batch, a cron run, an RPC call, or one piece of a Durable Object's work. It has connections of
 * its own, because a Worker may not use the sockets of another invocation and the pool is Hyperdrive
 * (https://developers.cloudflare.com/hyperdrive/examples/connect-to-postgres/postgres-drivers-and-libraries/postgres-js/).
 */
export class Invocation {
  readonly waitUntil: WaitUntil;
  /** Clients that are not in use, by connection string. */
  readonly #idle = new Map<string, postgres.Sql[]>();
  #ended = false;

  constructor(waitUntil: WaitUntil) {
    this.waitUntil = waitUntil;
  }

  /**
   * Runs `work` with a client of one connection, which nothing else uses at the same time: one that earlier work of this invocation has
   * finished with, or a new one.
   */
  async withClient<T>(binding: DatabaseBinding, work: (client: postgres.Sql) => Promise<T>): Promise<T> {
    const idle = this.#idle.get(binding.connectionString) ?? [];
    this.#idle.set(binding.connectionString, idle);
    const client = idle.pop() ?? connect(binding, 1);
    let reusable = false;
    try {
      const result = await work(client);
      reusable = !this.#ended;
      return result;
    } finally {
      // After an error the state of the connection is unknown.
      if (reusable) idle.push(client);
      else this.waitUntil(close(client));
    }
  }

  /** Closes the clients behind the response. One that is still in use is closed when the work with it is done. */
  end(): void {
    this.#ended = true;
    for (const client of [...this.#idle.values()].flat()) this.waitUntil(close(client));
    this.#idle.clear();
  }
}

/** Runs `work` as one invocation and ends it. */
export async function withInvocation<T>(
  context: { waitUntil(promise: Promise<unknown>): void },
  work: (invocation: Invocation) => Promise<T>,
): Promise<T> {
  const invocation = new Invocation((promise) => context.waitUntil(promise));
  try {
    return await work(invocation);
  } finally {
    invocation.end();
  }
}

/** Waits up to a second for statements whose results nothing waits for. */
function close(client: postgres.Sql): Promise<void> {
  return client.end({ timeout: 1 });
}
