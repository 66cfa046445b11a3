import type { Socket } from "node:net";
import { LRUCache } from "lru-cache";
import { isEnoughOfClientMessage, statementOf } from "./client-messages.ts";
import type { Exchange } from "./exchange.ts";
import { MessageSplitter, ProtocolError } from "./message-splitter.ts";
import { Output } from "./output.ts";
import type { Pool, Waiter } from "./pool.ts";
import { errorResponse, fromClient, type PostgresError } from "./protocol.ts";
import { Refusal } from "./refusal.ts";
import type { ServerConnection, ServerUser } from "./server-connection.ts";

/** How much a client may send while it waits for a server connection, in bytes, before the pooler stops reading from it. */
const maximumWaitingBytes = 1024 * 1024;

/** How much the Parse messages of one client may take, in bytes. The least recently used are dropped first; Postgres then reports that
 * they do not exist. */
const maximumStatementBytes = 8 * 1024 * 1024;

/** A client that has logged in. */
export class ClientConnection implements ServerUser, Waiter {
  readonly socket: Socket;
  readonly #pool: Pool;
  readonly #splitter: MessageSplitter;
  readonly #output = new Output();
  readonly #statements = new LRUCache<string, Buffer>({
    maxSize: maximumStatementBytes,
    sizeCalculation: (parse) => parse.length,
  });
  #server: ServerConnection | null = null;
  #exchange: Exchange | null = null;
  #isWaiting = false;
  /** The bytes that arrived while the client waits. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #refusal: Refusal | null = null;
  /** Whether the present message is not passed on. */
  #isDropping = false;
  #isClosed = false;

  /** Takes over a socket; `rest` is what the client sent behind its password. */
  constructor(socket: Socket, pool: Pool, rest: Buffer) {
    this.socket = socket;
    this.#pool = pool;
    this.#splitter = new MessageSplitter(this.#onMessage, isEnoughOfClientMessage);
    socket.on("data", this.#onData);
    socket.on("drain", this.#onDrain);
    socket.on("end", () => this.#close());
    socket.on("close", () => this.#close());
    if (rest.length > 0) this.#onData(rest);
  }

  /** A CancelRequest for this client came. */
  cancel(): void {
    void this.#server?.cancel();
  }

  /** Ends the connection with a FATAL error. */
  end(error: PostgresError): void {
    if (this.socket.writable) this.socket.end(errorResponse("FATAL", error));
    this.#close();
  }

  granted(server: ServerConnection): void {
    this.#isWaiting = false;
    this.#use(server);
    const held = this.#takeHeld();
    this.socket.resume();
    this.#relay(held);
  }

  refused(error: PostgresError): void {
    this.#isWaiting = false;
    this.#refusal = new Refusal(error);
    const held = this.#takeHeld();
    this.socket.resume();
    this.#relay(held);
  }

  statementChanged(name: string, parse: Buffer | null): void {
    if (parse === null) this.#statements.delete(name);
    else this.#statements.set(name, parse);
  }

  serverReleased(): void {
    this.#server = null;
    this.#exchange = null;
    // A client that does not read its responses gets no further statements run.
    if (this.socket.writableNeedDrain) this.socket.pause();
  }

  serverLost(isExplained: boolean): void {
    this.#server = null;
    this.#exchange = null;
    if (isExplained) {
      this.socket.end();
      this.#close();
    } else {
      this.end({ code: "08006", message: "the connection to Postgres was lost" });
    }
  }

  readonly #onDrain = (): void => {
    if (this.#server !== null) this.#server.resume();
    else this.socket.resume();
  };

  readonly #onData = (chunk: Buffer): void => {
    if (this.#isClosed) return;
    if (this.#server !== null || this.#refusal !== null) return this.#relay(chunk);
    if (!this.#isWaiting) {
      if (chunk[0] === fromClient.terminate && this.#splitter.isBetweenMessages) return this.#close();
      const server = this.#pool.take();
      if (server !== null) {
        this.#use(server);
        return this.#relay(chunk);
      }
    }
    this.#hold(chunk);
  };

  #use(server: ServerConnection): void {
    this.#server = server;
    this.#exchange = server.lend(this);
  }

  #hold(chunk: Buffer): void {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    // A client that disconnects is noticed only while the pooler reads from it.
    if (this.#heldBytes > maximumWaitingBytes) this.socket.pause();
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#pool.wait(this);
  }

  #takeHeld(): Buffer {
    const [only] = this.#held;
    const held = this.#held.length === 1 && only !== undefined ? only : Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    return held;
  }

  #relay(chunk: Buffer): void {
    try {
      this.#splitter.feed(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return this.end({ code: error.code, message: error.message });
    }
    if (this.#refusal?.isOver === true) this.#refusal = null;
    this.#server?.send(this.#output);
    // Nothing was sent that Postgres responds to: only the beginning of a message, or the end of a COPY that has failed.
    if (this.#exchange?.isAnswered === true) this.#server?.release();
  }

  readonly #onMessage = (type: number, buffer: Buffer, start: number, end: number): void => {
    if (this.#isClosed) return;
    if (type === fromClient.terminate) return this.#close();
    if (this.#refusal !== null) {
      const response = this.#refusal.responseTo(type);
      if (response !== null) this.socket.write(response);
      return;
    }
    const exchange = this.#exchange;
    if (exchange === null) return;
    if (type !== 0) this.#isDropping = !this.#note(exchange, type, buffer, start, end);
    if (!this.#isDropping) this.#output.add(buffer, start, end);
  };

  /** Notes what Postgres will answer, and sends a statement ahead that the server connection lacks. Returns whether to pass the message on. */
  #note(exchange: Exchange, type: number, buffer: Buffer, start: number, end: number): boolean {
    switch (type) {
      case fromClient.query:
      case fromClient.sync:
      case fromClient.functionCall:
        exchange.sentLast();
        return true;
      case fromClient.execute:
        exchange.sent();
        return true;
      case fromClient.parse: {
        const name = statementOf(type, buffer, start, end);
        exchange.sentParse(name, name === "" ? null : Buffer.from(buffer.subarray(start, end)));
        return true;
      }
      case fromClient.bind:
      case fromClient.describe: {
        exchange.sent();
        const name = statementOf(type, buffer, start, end);
        const parse = name === "" ? undefined : this.#statements.get(name);
        for (const missing of exchange.beforeUse(name, parse)) this.#output.add(missing);
        return true;
      }
      case fromClient.close:
        exchange.sentClose(statementOf(type, buffer, start, end));
        return true;
      case fromClient.flush:
      case fromClient.copyData:
      case fromClient.copyDone:
      case fromClient.copyFail:
        // Postgres ignores these outside of what they belong to.
        return !exchange.isAnswered;
      default:
        throw new ProtocolError("08P01", `unexpected message of type ${type}`);
    }
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#isWaiting) this.#pool.leave(this);
    const server = this.#server;
    this.#server = null;
    this.#exchange = null;
    this.#held = [];
    server?.abandon();
    if (!this.socket.writableEnded) this.socket.end();
  }
}
