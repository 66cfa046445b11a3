/**
 * The parts of the Postgres frontend/backend protocol 3.0 that the pooler reads or writes itself
 * (https://www.postgresql.org/docs/18/protocol-message-formats.html).
 */

/** Types of messages by their byte. Some bytes mean another thing in each direction. */
export const fromClient = {
  bind: 0x42, // B
  close: 0x43, // C
  copyData: 0x64, // d
  copyDone: 0x63, // c
  copyFail: 0x66, // f
  describe: 0x44, // D
  execute: 0x45, // E
  flush: 0x48, // H
  functionCall: 0x46, // F
  parse: 0x50, // P
  password: 0x70, // p
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
} as const;

export const fromServer = {
  closeComplete: 0x33, // 3
  error: 0x45, // E
  parseComplete: 0x31, // 1
  readyForQuery: 0x5a, // Z
} as const;

/** Transaction status in ReadyForQuery: not in a transaction. */
export const notInTransaction = 0x49; // I

/** First words of the packets that have no type. */
export const startupCodes = { cancel: 80_877_102, ssl: 80_877_103, gssEncryption: 80_877_104 } as const;

/** Identifies a session to CancelRequest. */
export interface SessionKey {
  readonly pid: number;
  readonly secret: number;
}

/** An error as Postgres would send it. `code` is an SQLSTATE. */
export interface PostgresError {
  readonly code: string;
  readonly message: string;
}

/** A message of `type` with `body`. */
export function message(type: string, body: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(5 + body.length);
  bytes.write(type, 0, "latin1");
  bytes.writeUInt32BE(4 + body.length, 1);
  body.copy(bytes, 5);
  return bytes;
}

/** An ErrorResponse. FATAL: the connection is closed after it. */
export function errorResponse(severity: "ERROR" | "FATAL", error: PostgresError): Buffer {
  const fields = [`S${severity}`, `V${severity}`, `C${error.code}`, `M${error.message}`, ""];
  return message("E", cStrings(fields));
}

export const authenticationOk = message("R", int32(0));
export const authenticationCleartextPassword = message("R", int32(3));
/** ReadyForQuery, not in a transaction. */
export const readyForQuery = message("Z", Buffer.from([notInTransaction]));
export const terminate = message("X", Buffer.alloc(0));

export function backendKeyData({ pid, secret }: SessionKey): Buffer {
  return message("K", Buffer.concat([int32(pid), int32(secret)]));
}

export function parameterStatus(name: string, value: string): Buffer {
  return message("S", cStrings([name, value]));
}

export function query(text: string): Buffer {
  return message("Q", cStrings([text]));
}

/** Close of a prepared statement. Postgres answers CloseComplete also when there is none of that name. */
export function closeStatement(name: string): Buffer {
  return message("C", Buffer.from(`S${name}\0`, "latin1"));
}

export function cancelRequest({ pid, secret }: SessionKey): Buffer {
  return Buffer.concat([int32(16), int32(startupCodes.cancel), int32(pid), int32(secret)]);
}

/** NegotiateProtocolVersion: 3.0 is what we have, and no option of the protocol. */
export function negotiateProtocolVersion(unknownOptions: readonly string[]): Buffer {
  return message("v", Buffer.concat([int32(0), int32(unknownOptions.length), cStrings(unknownOptions)]));
}

export function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

function cStrings(texts: readonly string[]): Buffer {
  return Buffer.from(texts.map((text) => `${text}\0`).join(""));
}

/** The end of the zero-terminated string at `start` (the position of its zero), -1 if it has not arrived before `end`. */
export function cStringEnd(buffer: Buffer, start: number, end: number): number {
  const zero = buffer.indexOf(0, start);
  return zero < end ? zero : -1;
}
