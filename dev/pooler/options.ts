/** A role and a database that clients may use. Each route has a pool of its own. */
export interface Route {
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Server connections of this pool at most; `connections` of the pooler if not given. */
  readonly connections?: number;
}

/** What a pooler is started with. */
export interface PoolerOptions {
  /** The port of 127.0.0.1 where Postgres listens. */
  readonly upstreamPort: number;
  readonly routes: readonly Route[];
  /** The port of 127.0.0.1 to listen on; a free one if not given. */
  readonly port?: number;
  /** Server connections for each route at most; 10 if not given. */
  readonly connections?: number;
  /** How long a client waits for a server connection before it gets SQLSTATE 53300, in milliseconds; 10,000 if not given. */
  readonly waitMs?: number;
  /** How long an unused server connection stays open, in milliseconds; 30,000 if not given. */
  readonly idleMs?: number;
}

/** `PoolerOptions` without `port`, and with every default filled in. */
export interface PoolSettings {
  readonly upstreamPort: number;
  readonly connections: number;
  readonly waitMs: number;
  readonly idleMs: number;
}

/** The state of one pool. */
export interface PoolStats {
  readonly user: string;
  readonly database: string;
  /** Server connections by what they do now. `busy` includes those that are being reset. */
  readonly idle: number;
  readonly busy: number;
  readonly opening: number;
  /** Clients that wait for a server connection. */
  readonly waiting: number;
}

/** The state of a pooler. */
export interface PoolerStats {
  readonly pools: readonly PoolStats[];
  /** Connected clients, with those that have not logged in. */
  readonly clients: number;
  /** CPU time that the process has used since it started, in microseconds. */
  readonly cpuMicroseconds: number;
  /** Resident memory of the process, in bytes. */
  readonly residentBytes: number;
}

/** Messages from the owner to the child process. Passwords travel here, never in arguments or the environment. */
export type ToChild =
  | { readonly kind: "start"; readonly options: PoolerOptions }
  | { readonly kind: "stats"; readonly id: number }
  | { readonly kind: "close" };

/** Messages from the child process to the owner. */
export type FromChild =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "stats"; readonly id: number; readonly stats: PoolerStats };
