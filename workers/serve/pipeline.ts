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

type PipelineQuery = ReturnType<postgres.Sql["unsafe"]>;

/**
 * Statements that are sent over one connection one behind the other, without waiting for results. Also before the connection is open:
 * then all that has been asked for until then is sent at once. The driver's own `begin` waits for BEGIN before it sends anything else, and
 * its `reserve` never resolves for a new connection with `fetch_types: false`.
 *
 * The client must have one connection, and nothing else may use it before `end` has settled.
 */
export class Pipeline {
  /** Sends through the pipeline. */
  readonly sql: postgres.ISql;
  readonly #client: postgres.Sql;
  readonly #waiting: RawQuery[] = [];
  #count = 0;
  #counted: (() => void) | null = null;
  #connection: RawConnection | null = null;
  #ending = false;
  /** Why nothing can be sent any more. */
  #failure: { readonly error: unknown } | null = null;

  constructor(client: postgres.Sql) {
    this.#client = client;
    this.sql = new Proxy(client, {
      apply: (target, self, parameters) => this.#own(Reflect.apply(target, self, parameters)),
      get: (target, name) => (name === "unsafe" ? this.#unsafe : (Reflect.get(target, name) as unknown)),
    });
  }

  /** Sends the first statement, which must have no parameters. */
  begin(text: string): PipelineQuery {
    const options = { onexecute: (connection: RawConnection) => this.#open(connection) };
    const query = this.#client.unsafe(text, [], options as postgres.UnsafeQueryOptions).execute();
    query.catch((error: unknown) => this.#fail(error));
    return query;
  }

  /** Resolves when `count` statements between the first and the last have come to the pipeline: those that come later are sent behind them. */
  async reached(count: number): Promise<void> {
    while (this.#count < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#counted = resolve;
      // oxlint-disable-next-line no-await-in-loop -- one more each time
      await promise;
    }
  }

  /** Sends the last statement, after which the client may use the connection for something else. */
  end(text: string): PipelineQuery {
    this.#ending = true;
    if (this.#connection !== null) this.#connection.reserved = null;
    return this.#unsafe(text).execute();
  }

  readonly #unsafe: postgres.Sql["unsafe"] = (...parameters) => this.#own(this.#client.unsafe(...parameters));

  /** Makes a query of the client, which has not been sent, one of the pipeline. What is not a query stays as it is. */
  #own<Q>(made: Q): Q {
    if (made instanceof Promise) (made as unknown as RawQuery).handler = (query) => this.#take(query);
    return made;
  }

  #open(connection: RawConnection): void {
    // As the driver's `reserve` does it: `release` says that only its holder ends it.
    if (!this.#ending) connection.reserved = Object.assign(() => undefined, { release: true });
    // oxlint-disable-next-line prefer-add-event-listener -- not a DOM object
    connection.onclose = (error) => this.#fail(error);
    this.#connection = connection;
    for (const query of this.#waiting.splice(0)) this.#send(query);
  }

  #take(query: RawQuery): void {
    this.#send(query);
    this.#count += 1;
    this.#counted?.();
  }

  #send(query: RawQuery): void {
    if (this.#failure !== null) query.reject(this.#failure.error);
    else if (this.#connection === null) this.#waiting.push(query);
    else this.#connection.execute(query);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const query of this.#waiting.splice(0)) this.#send(query);
  }
}
