import type postgres from "postgres";

/** What this file uses of the driver's connections (`connection.js` and `begin` in `index.js` of postgres.js), which its types leave out. */
interface RawConnection {
  execute(query: RawQuery): unknown;
  /** Called when the connection has nothing left to do. While it is set, the connection is neither given away nor closed as idle. */
  reserved: (() => void) | null;
  onclose: ((error: Error) => void) | null;
}

/** The same of its queries. */
interface RawQuery {
  handler: (query: RawQuery) => void;
  reject(error: unknown): void;
}

/**
 * Statements that are sent over one connection one behind the other, without waiting for results, also while the connection is being
 * opened. The driver's own `begin` waits for BEGIN before it sends anything else, and its `reserve` never resolves for a new connection
 * with `fetch_types: false`.
 *
 * The client must have one connection, and nothing else may use it until `end` has settled.
 */
export class Pipeline {
  /** Its statements go through the pipeline. */
  readonly sql: postgres.ISql;
  readonly #client: postgres.Sql;
  readonly #opening: string;
  /** Statements that are not sent yet. */
  readonly #waiting: RawQuery[] = [];
  #started = false;
  #opened: Promise<unknown> | null = null;
  #connection: RawConnection | null = null;
  #ending = false;
  /** Why nothing can be sent any more. */
  #failure: { readonly error: unknown } | null = null;
  #count = 0;
  #onCount: (() => void) | null = null;

  /** `opening` is sent in front of the first statement, and has no parameters. */
  constructor(client: postgres.Sql, opening: string) {
    this.#client = client;
    this.#opening = opening;
    this.sql = new Proxy(client, {
      apply: (target, self, parameters) => this.#own(Reflect.apply(target, self, parameters)),
      get: (target, name) => (name === "unsafe" ? this.#unsafe : (Reflect.get(target, name) as unknown)),
    });
  }

  /** Sends what has come to the pipeline so far, and from then on every statement at once. */
  start(): void {
    this.#started = true;
    if (this.#waiting.length > 0) this.#open();
  }

  /** Waits for the reply to the opening statement, if it has been sent. */
  async opened(): Promise<void> {
    await this.#opened;
  }

  /** How many statements have come to the pipeline. */
  get count(): number {
    return this.#count;
  }

  /** Resolves when `count` statements have come to the pipeline: those that come later are sent behind them. */
  async reached(count: number): Promise<void> {
    while (this.#count < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onCount = resolve;
      // oxlint-disable-next-line no-await-in-loop -- one more each time
      await promise;
    }
  }

  /** Sends the last statement, if there was a first; after it, the client may use the connection for something else. */
  async end(text: string): Promise<void> {
    if (this.#count === 0) return;
    this.#ending = true;
    if (this.#connection !== null) this.#connection.reserved = null;
    await this.#unsafe(text).execute();
  }

  readonly #unsafe: postgres.Sql["unsafe"] = (...parameters) => this.#own(this.#client.unsafe(...parameters));

  /** Makes a query of the client, which has not been sent, one of the pipeline. What is not a query stays as it is. */
  #own<Q>(made: Q): Q {
    if (made instanceof Promise) (made as unknown as RawQuery).handler = (query) => this.#take(query);
    return made;
  }

  #take(query: RawQuery): void {
    this.#waiting.push(query);
    if (this.#started) this.#open();
    this.#count += 1;
    this.#onCount?.();
  }

  #open(): void {
    if (this.#opened !== null) {
      this.#send();
      return;
    }
    const options = { onexecute: (connection: RawConnection) => this.#use(connection) };
    this.#opened = this.#client.unsafe(this.#opening, [], options as postgres.UnsafeQueryOptions).execute();
    this.#opened.catch((error: unknown) => this.#fail(error));
  }

  /** The driver has written the opening statement to this connection. */
  #use(connection: RawConnection): void {
    // As the driver's `reserve` does it: `release` says that only its holder ends it.
    if (!this.#ending) connection.reserved = Object.assign(() => undefined, { release: true });
    // oxlint-disable-next-line prefer-add-event-listener -- not a DOM object
    connection.onclose = (error) => this.#fail(error);
    this.#connection = connection;
    this.#send();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#send();
  }

  #send(): void {
    if (this.#failure === null && this.#connection === null) return;
    for (const query of this.#waiting.splice(0)) {
      if (this.#failure === null) this.#connection?.execute(query);
      else query.reject(this.#failure.error);
    }
  }
}
