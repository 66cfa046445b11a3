import type postgres from "postgres";
import { connect } from "./connect.ts";

/** Extends an invocation past its response until a promise settles. */
export type WaitUntil = (promise: Promise<unknown>) => void;

/** How Drizzle and the driver use a client differs: Drizzle changes how its client reads and writes times. */
export type ClientUser = "drizzle" | "driver";

interface Held {
  readonly client: postgres.Sql;
  users: number;
}

/** The most connections that one invocation opens to one database. */
const maximumConnections = 5;

/**
 * One run of a Worker: a request, a queue batch, a cron run, an RPC call, or one piece of a Durable Object's work. It has a client of its
 * own for each database it uses, because a Worker may not use the sockets of another invocation and the pool is Hyperdrive
 * (https://developers.cloudflare.com/hyperdrive/examples/connect-to-postgres/postgres-drivers-and-libraries/postgres-js/).
 */
export class Invocation {
  readonly waitUntil: WaitUntil;
  readonly #held = new Map<string, Held>();
  #ended = false;

  constructor(waitUntil: WaitUntil) {
    this.waitUntil = waitUntil;
  }

  /** Runs `work` with the invocation's client for a database. */
  async withClient<T>(
    user: ClientUser,
    hyperdrive: Hyperdrive,
    work: (client: postgres.Sql) => Promise<T>,
  ): Promise<T> {
    const name = `${user} ${hyperdrive.connectionString}`;
    const held = this.#held.get(name) ?? { client: connect(hyperdrive, maximumConnections), users: 0 };
    this.#held.set(name, held);
    held.users += 1;
    try {
      return await work(held.client);
    } finally {
      held.users -= 1;
      if (this.#ended) this.#closeUnused();
    }
  }

  /** Closes the clients behind the response: each as soon as the work behind the response has finished with it. */
  end(): void {
    this.#ended = true;
    this.#closeUnused();
  }

  #closeUnused(): void {
    for (const [name, { client, users }] of this.#held) {
      if (users > 0) continue;
      this.#held.delete(name);
      this.waitUntil(client.end({ timeout: 1 }));
    }
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
