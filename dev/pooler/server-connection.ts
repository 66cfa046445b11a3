import type { Socket } from "node:net";
import { cancelStatement, endSession } from "./cancel.ts";
import { Exchange, isCompletion } from "./exchange.ts";
import { MessageSplitter } from "./message-splitter.ts";
import type { OpenedConnection } from "./open-server-connection.ts";
import { Output } from "./output.ts";
import { fromServer, notInTransaction, query, type SessionKey, terminate } from "./protocol.ts";

/** The client that has a server connection. */
export interface ServerUser {
  /** Where responses go. */
  readonly socket: Socket;
  /** The client has prepared a named statement by that Parse, or closed it (null). */
  statementChanged(name: string, parse: Buffer | null): void;
  /** Everything is answered and no transaction is open, so the client no longer has the connection. */
  serverReleased(): void;
  /** The connection broke. `isExplained`: Postgres sent an error before. */
  serverLost(isExplained: boolean): void;
}

/** The pool that a server connection belongs to. */
export interface ServerOwner {
  readonly upstreamPort: number;
  /** The connection is clean and without a user. */
  serverReady(server: ServerConnection): void;
  serverClosed(server: ServerConnection): void;
}

/**
 * Ends whatever a session may hold: settings, temporary tables, advisory locks, LISTEN, cursors, prepared statements. Nothing less is
 * safe: the text of a statement does not show what a function did to the session.
 */
const reset = query("DISCARD ALL");

/** How long Postgres may take to reset a session, in milliseconds. */
const resetTimeoutMs = 5000;

/** One connection to Postgres: used by one client at a time, reset after each. */
export class ServerConnection {
  readonly #socket: Socket;
  readonly #key: SessionKey;
  readonly #owner: ServerOwner;
  readonly #output = new Output();
  readonly #splitter: MessageSplitter;
  #user: ServerUser | null = null;
  #exchange: Exchange | null = null;
  /** Whether Postgres sent an error since the last ReadyForQuery. */
  #hasError = false;
  #resetTimer: NodeJS.Timeout | null = null;
  /** Requests to cancel that Postgres has not accepted yet. */
  #cancels = 0;
  #isClosed = false;
  /** When it was last used, in milliseconds since 1970. */
  usedAt = Date.now();

  constructor({ socket, key }: OpenedConnection, owner: ServerOwner) {
    this.#socket = socket;
    this.#key = key;
    this.#owner = owner;
    this.#splitter = new MessageSplitter(this.#onMessage, isEnough);
    socket.setNoDelay(true);
    socket.on("data", this.#onData);
    socket.on("drain", () => this.#user?.socket.resume());
    socket.on("error", () => this.close());
    socket.on("end", () => this.close());
    socket.on("close", () => this.close());
    if (socket.destroyed || socket.readableEnded) this.close();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Gives the connection to a client until `serverReleased`. Returns where the client notes what it sends. */
  lend(user: ServerUser): Exchange {
    this.#user = user;
    this.#exchange = new Exchange((name, parse) => user.statementChanged(name, parse));
    return this.#exchange;
  }

  /** Sends the client's messages. Stops the client while Postgres does not read. */
  send(output: Output): void {
    if (!output.writeTo(this.#socket)) this.#user?.socket.pause();
  }

  /** The client's socket can take more. */
  resume(): void {
    this.#socket.resume();
  }

  /** Takes the connection from a client that has nothing unanswered. */
  release(): void {
    const user = this.#user;
    this.#user = null;
    this.#exchange = null;
    this.#socket.resume();
    user?.socket.resume();
    user?.serverReleased();
    if (this.#cancels === 0) this.#reset();
  }

  /** The client has disconnected with an open transaction or an unfinished statement. Ends both. */
  abandon(): void {
    this.#user = null;
    if (this.#isClosed || this.#exchange?.isAnswered !== false) return this.close();
    this.#isClosed = true;
    void endSession(this.#socket, this.#owner.upstreamPort, this.#key);
    this.#owner.serverClosed(this);
  }

  /**
   * Cancels what the client does now. No other client gets the connection before Postgres has sent the signal: it could
   * cancel that client's statement. A signal that arrives late cancels the reset, and then the connection is closed.
   */
  async cancel(): Promise<void> {
    this.#cancels += 1;
    await cancelStatement(this.#owner.upstreamPort, this.#key);
    this.#cancels -= 1;
    if (this.#cancels === 0 && this.#user === null) this.#reset();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#resetTimer !== null) clearTimeout(this.#resetTimer);
    if (this.#socket.writable) this.#socket.write(terminate);
    this.#socket.destroySoon();
    // While Postgres does not read, unsent bytes keep the socket open.
    setTimeout(() => this.#socket.destroy(), 1000).unref();
    const user = this.#user;
    this.#user = null;
    if (user !== null) this.#output.writeTo(user.socket);
    this.#owner.serverClosed(this);
    user?.serverLost(this.#hasError);
  }

  #reset(): void {
    if (this.#isClosed) return;
    this.#hasError = false;
    this.#resetTimer = setTimeout(() => this.close(), resetTimeoutMs);
    this.#socket.write(reset);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#isClosed) return;
    try {
      this.#splitter.feed(chunk);
    } catch {
      this.close();
      return;
    }
    this.#flush();
  };

  #flush(): void {
    const user = this.#user;
    if (user !== null && !this.#output.writeTo(user.socket)) this.#socket.pause();
  }

  readonly #onMessage = (type: number, buffer: Buffer, start: number, end: number): void => {
    const exchange = this.#exchange;
    if (exchange === null) return this.#onUnusedMessage(type, buffer[end - 1]);
    if (isCompletion(type)) {
      if (exchange.completed()) this.#output.add(buffer, start, end);
      return;
    }
    this.#output.add(buffer, start, end);
    if (type === fromServer.error) this.#hasError = true;
    if (type !== fromServer.readyForQuery) return;
    this.#hasError = false;
    exchange.ready();
    if (!exchange.isAnswered || buffer[end - 1] !== notInTransaction) return;
    this.#flush();
    this.release();
  };

  /** A message while no client has the connection: a response to the reset, or one that Postgres sends unasked. */
  #onUnusedMessage(type: number, lastByte: number | undefined): void {
    if (type === fromServer.error) {
      this.#hasError = true;
      // Only a connection that Postgres is about to close gets an error unasked.
      if (this.#resetTimer === null) this.close();
    }
    if (type !== fromServer.readyForQuery || this.#resetTimer === null) return;
    clearTimeout(this.#resetTimer);
    this.#resetTimer = null;
    if (this.#hasError || lastByte !== notInTransaction) return this.close();
    this.usedAt = Date.now();
    if (this.#cancels === 0) this.#owner.serverReady(this);
  }
}

/** ReadyForQuery and the completions are read as a whole; of any other message the type is enough. */
function isEnough(type: number): boolean {
  return type !== fromServer.readyForQuery && !isCompletion(type);
}
