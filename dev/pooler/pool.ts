import { connectionFailure, openServerConnection, type OpenedConnection } from "./open-server-connection.ts";
import type { PoolSettings, PoolStats, Route } from "./options.ts";
import type { PostgresError } from "./protocol.ts";
import { ServerConnection, type ServerOwner } from "./server-connection.ts";

/** A client that needs a server connection. One of the two is called, once. */
export interface Waiter {
  granted(server: ServerConnection): void;
  refused(error: PostgresError): void;
}

/** The server connections of one role to one database. Clients get them in the order in which they asked. */
export class Pool implements ServerOwner {
  readonly route: Route;
  readonly upstreamPort: number;
  /** The ParameterStatus messages of the first server connection; null before it. */
  parameters: Buffer | null = null;
  readonly #limit: number;
  readonly #settings: PoolSettings;
  readonly #servers = new Set<ServerConnection>();
  /** The most recently used is at the end and is taken next, so that the others can be closed after `idleMs`. */
  readonly #idle: ServerConnection[] = [];
  readonly #waiters = new Map<Waiter, NodeJS.Timeout>();
  #opening = 0;
  #isClosed = false;

  constructor(route: Route, settings: PoolSettings) {
    this.route = route;
    this.upstreamPort = settings.upstreamPort;
    this.#limit = route.connections ?? settings.connections;
    this.#settings = settings;
  }

  /** An idle server connection, or null. While one is idle, no client waits. */
  take(): ServerConnection | null {
    return this.#idle.pop() ?? null;
  }

  /** Queues a client, and opens a server connection if there may be another. */
  wait(waiter: Waiter): void {
    const { waitMs } = this.#settings;
    const message = `no server connection became free within ${waitMs} ms`;
    const timer = setTimeout(() => this.#refuse(waiter, { code: "53300", message }), waitMs);
    this.#waiters.set(waiter, timer);
    this.#open();
  }

  /** Removes a client from the queue. */
  leave(waiter: Waiter): void {
    clearTimeout(this.#waiters.get(waiter));
    this.#waiters.delete(waiter);
  }

  serverReady(server: ServerConnection): void {
    const [next] = this.#waiters.keys();
    if (next === undefined) {
      this.#idle.push(server);
      return;
    }
    this.leave(next);
    next.granted(server);
  }

  serverClosed(server: ServerConnection): void {
    this.#servers.delete(server);
    const at = this.#idle.indexOf(server);
    if (at !== -1) this.#idle.splice(at, 1);
    this.#open();
  }

  /** Closes the server connections that have not been used for `idleMs`. */
  closeUnused(now: number): void {
    const [...idle] = this.#idle;
    for (const server of idle) if (now - server.usedAt >= this.#settings.idleMs) server.close();
  }

  close(): void {
    this.#isClosed = true;
    this.#refuseAll({ code: "57P01", message: "the pooler is shutting down" });
    for (const server of this.#servers) server.close();
  }

  stats(): PoolStats {
    return {
      user: this.route.user,
      database: this.route.database,
      idle: this.#idle.length,
      busy: this.#servers.size - this.#idle.length,
      opening: this.#opening,
      waiting: this.#waiters.size,
    };
  }

  /** Opens as many server connections as clients wait for, within the limit. */
  #open(): void {
    while (this.#opening < this.#waiters.size && this.#servers.size + this.#opening < this.#limit && !this.#isClosed) {
      this.#opening += 1;
      openServerConnection(this.route, this.upstreamPort).then(
        (opened) => this.#opened(opened),
        (error: unknown) => this.#notOpened(error),
      );
    }
  }

  #opened(opened: OpenedConnection): void {
    this.#opening -= 1;
    this.parameters ??= opened.parameters;
    const server = new ServerConnection(opened, this);
    if (server.isClosed) return;
    this.#servers.add(server);
    if (this.#isClosed) server.close();
    else this.serverReady(server);
  }

  #notOpened(error: unknown): void {
    this.#opening -= 1;
    // While another one is open, clients wait for that: Postgres may only have reached its limit.
    if (this.#servers.size === 0) this.#refuseAll(connectionFailure(error));
  }

  #refuseAll(error: PostgresError): void {
    for (const waiter of this.#waiters.keys()) this.#refuse(waiter, error);
  }

  #refuse(waiter: Waiter, error: PostgresError): void {
    this.leave(waiter);
    waiter.refused(error);
  }
}
