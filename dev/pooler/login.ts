import { createHash, timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import { ProtocolError } from "./message-splitter.ts";
import type { Pool, Waiter } from "./pool.ts";
import {
  authenticationCleartextPassword,
  authenticationOk,
  backendKeyData,
  errorResponse,
  fromClient,
  negotiateProtocolVersion,
  type PostgresError,
  readyForQuery,
  type SessionKey,
} from "./protocol.ts";
import type { ServerConnection } from "./server-connection.ts";
import { readStartup, type Startup } from "./startup.ts";

/** What a login needs of the pooler. */
export interface LoginHost {
  readonly pools: readonly Pool[];
  /** A CancelRequest came. */
  cancel(key: SessionKey): void;
  newKey(): SessionKey;
  /** The client has logged in, and sent `rest` behind its password. */
  loggedIn(socket: Socket, pool: Pool, key: SessionKey, rest: Buffer): void;
}

type Session = Extract<Startup, { kind: "session" }>;

/** How long a client may take to log in, in milliseconds, without the time that it waits for Postgres. */
const loginTimeoutMs = 10_000;
const maximumPasswordMessageBytes = 1000;

/** Leads a client from its first byte to ReadyForQuery. */
export class Login implements Waiter {
  readonly #socket: Socket;
  readonly #host: LoginHost;
  readonly #timer: NodeJS.Timeout;
  #bytes: Buffer = Buffer.alloc(0);
  #session: Session | null = null;
  /** The pool that the client has authenticated for. */
  #pool: Pool | null = null;

  constructor(socket: Socket, host: LoginHost) {
    this.#socket = socket;
    this.#host = host;
    this.#timer = setTimeout(() => socket.destroy(), loginTimeoutMs);
    socket.on("data", this.#onData);
    socket.once("close", this.#onClose);
  }

  granted(server: ServerConnection): void {
    const pool = this.#pool;
    // Only the parameters that Postgres reported on the new connection are needed.
    server.lend({ socket: this.#socket, statementChanged() {}, serverReleased() {}, serverLost() {} });
    server.release();
    if (pool !== null) this.#finish(pool);
  }

  refused(error: PostgresError): void {
    this.#fail(error);
  }

  readonly #onClose = (): void => {
    clearTimeout(this.#timer);
    this.#pool?.leave(this);
  };

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    try {
      this.#proceed();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fail({ code: error.code, message: error.message });
    }
  };

  #proceed(): void {
    while (this.#session === null) {
      const read = readStartup(this.#bytes);
      if (read === null) return;
      this.#bytes = this.#bytes.subarray(read.length);
      if (!this.#start(read.startup)) return;
    }
    if (this.#pool === null) this.#readPassword(this.#session);
  }

  /** Returns whether the client goes on. */
  #start(startup: Startup): boolean {
    switch (startup.kind) {
      case "encryption":
        // As in Postgres (CVE-2021-23214): no data may be buffered ahead of the response.
        if (this.#bytes.length > 0) throw new ProtocolError("08P01", "data after a request for encryption");
        this.#socket.write("N");
        return true;
      case "cancel":
        this.#host.cancel(startup.key);
        this.#socket.end();
        return false;
      case "session":
        this.#session = startup;
        if (startup.mustNegotiate) this.#socket.write(negotiateProtocolVersion(startup.protocolOptions));
        this.#socket.write(authenticationCleartextPassword);
        return true;
    }
  }

  #readPassword(session: Session): void {
    if (this.#bytes.length < 5) return;
    const length = 1 + this.#bytes.readUInt32BE(1);
    if (this.#bytes[0] !== fromClient.password || length < 6 || length > maximumPasswordMessageBytes)
      throw new ProtocolError("08P01", "expected a password");
    if (this.#bytes.length < length) return;
    const password = this.#bytes.toString("utf8", 5, length - 1);
    this.#bytes = this.#bytes.subarray(length);
    const pool = authenticate(this.#host.pools, session, password);
    if ("code" in pool) return this.#fail(pool);
    clearTimeout(this.#timer);
    this.#pool = pool;
    // The parameters of the server are known only after the first connection to it.
    if (pool.parameters === null) pool.wait(this);
    else this.#finish(pool);
  }

  #finish(pool: Pool): void {
    const socket = this.#socket;
    const key = this.#host.newKey();
    socket.off("data", this.#onData);
    socket.off("close", this.#onClose);
    socket.write(
      Buffer.concat([authenticationOk, pool.parameters ?? Buffer.alloc(0), backendKeyData(key), readyForQuery]),
    );
    this.#host.loggedIn(socket, pool, key, this.#bytes);
  }

  #fail(error: PostgresError): void {
    clearTimeout(this.#timer);
    this.#socket.off("data", this.#onData);
    // Whatever else the client sends is read and ignored: closing with unread bytes resets the connection, and the error may be lost.
    this.#socket.resume();
    this.#socket.end(errorResponse("FATAL", error));
  }
}

/** The pool of a user and database, or why there is none. Without a valid password the error is the same for every role and database. */
function authenticate(pools: readonly Pool[], { user, database }: Session, password: string): Pool | PostgresError {
  const ofUser = pools.filter(({ route }) => route.user === user);
  const asked = ofUser.find(({ route }) => route.database === database);
  const routes = asked === undefined ? ofUser : [asked];
  const matches = routes.filter(({ route }) => isSamePassword(route.password, password));
  if (matches.length === 0) return { code: "28P01", message: `password authentication failed for user "${user}"` };
  if (asked === undefined) return { code: "3D000", message: `user "${user}" has no database "${database}" here` };
  return asked;
}

function isSamePassword(expected: string, given: string): boolean {
  return timingSafeEqual(digest(expected), digest(given));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
