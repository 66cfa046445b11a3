import { errorResponse, fromClient, type PostgresError, readyForQuery } from "./protocol.ts";

/**
 * Answers a client's messages with an error in place of Postgres, and as Postgres would: one error for what comes before a Sync, then
 * ReadyForQuery. The client's connection stays usable.
 */
export class Refusal {
  readonly #error: Buffer;
  #isSkipping = false;

  constructor(error: PostgresError) {
    this.#error = errorResponse("ERROR", error);
  }

  /** Whether no Sync is outstanding, so that the next message can be served again. */
  get isOver(): boolean {
    return !this.#isSkipping;
  }

  /** What to send for a message of the client; null for nothing. */
  responseTo(type: number): Buffer | null {
    switch (type) {
      case fromClient.query:
      case fromClient.functionCall:
        this.#isSkipping = false;
        return Buffer.concat([this.#error, readyForQuery]);
      case fromClient.sync:
        this.#isSkipping = false;
        return readyForQuery;
      case fromClient.parse:
      case fromClient.bind:
      case fromClient.describe:
      case fromClient.execute:
      case fromClient.close: {
        const isFirst = !this.#isSkipping;
        this.#isSkipping = true;
        return isFirst ? this.#error : null;
      }
      default:
        return null;
    }
  }
}
