/** A peer sent something that is not a message of the protocol, or a message above a limit. */
export class ProtocolError extends Error {
  /** An SQLSTATE. */
  readonly code: string;

  constructor(code: string, text: string) {
    super(text);
    this.code = code;
  }
}

/** In place of a type: these bytes continue the previous message. */
export const continued = 0;

/**
 * Called for each message with what has arrived of it: `buffer` from `start` to `end`. If that is not all, the rest follows in calls
 * with type `continued`.
 */
export type OnMessage = (type: number, buffer: Buffer, start: number, end: number) => void;

/**
 * Whether `buffer` from `start` to `available` has enough of a message of `length` bytes to be looked at. Called again when more has
 * arrived.
 */
export type IsEnough = (type: number, length: number, buffer: Buffer, start: number, available: number) => boolean;

/** Type and length. */
const headerBytes = 5;

/**
 * Finds the messages in a stream of bytes without copying them. A message that need not be whole is passed on in parts, so that its size
 * takes no memory here.
 */
export class MessageSplitter {
  readonly #onMessage: OnMessage;
  readonly #isEnough: IsEnough;
  /** The beginning of a message, while it is not enough. */
  #kept: Buffer | null = null;
  /** How much of the present message has not arrived. */
  #remaining = 0;

  constructor(onMessage: OnMessage, isEnough: IsEnough) {
    this.#onMessage = onMessage;
    this.#isEnough = isEnough;
  }

  /** Whether the bytes so far end between two messages. */
  get isBetweenMessages(): boolean {
    return this.#remaining === 0 && this.#kept === null;
  }

  /** Throws `ProtocolError` for an invalid length. */
  feed(chunk: Buffer): void {
    const buffer = this.#kept === null ? chunk : Buffer.concat([this.#kept, chunk]);
    this.#kept = null;
    let at = 0;
    if (this.#remaining > 0) {
      at = Math.min(this.#remaining, buffer.length);
      this.#remaining -= at;
      this.#onMessage(continued, buffer, 0, at);
    }
    while (buffer.length - at >= headerBytes) {
      const type = buffer[at] ?? 0;
      const length = 1 + buffer.readUInt32BE(at + 1);
      if (length < headerBytes) throw new ProtocolError("08P01", "invalid message length");
      const end = Math.min(at + length, buffer.length);
      if (end < at + length && !this.#isEnough(type, length, buffer, at, end)) break;
      this.#remaining = at + length - end;
      const start = at;
      at = end;
      this.#onMessage(type, buffer, start, end);
    }
    if (at < buffer.length) this.#kept = Buffer.from(buffer.subarray(at));
  }
}
