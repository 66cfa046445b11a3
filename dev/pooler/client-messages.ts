import { ProtocolError } from "./message-splitter.ts";
import { cStringEnd, fromClient } from "./protocol.ts";

/** Bytes of a message that the pooler keeps in memory as a whole: Parse of a named statement, Describe, Close. */
const maximumWholeBytes = 1024 * 1024;

/** Type and length come before the body. */
const bodyAt = 5;

/** Whether enough of a client's message has arrived to know which statement it uses; of a named Parse, all of it. */
export function isEnoughOfClientMessage(
  type: number,
  length: number,
  buffer: Buffer,
  start: number,
  end: number,
): boolean {
  if (type === fromClient.bind) return namesOfBindEnd(buffer, start, end) !== -1;
  if (type === fromClient.parse && end > start + bodyAt && buffer[start + bodyAt] === 0) return true;
  if (type !== fromClient.parse && type !== fromClient.describe && type !== fromClient.close) return true;
  if (length > maximumWholeBytes)
    throw new ProtocolError("54000", `a prepared statement takes ${maximumWholeBytes} bytes at most`);
  return false;
}

/**
 * The name of the prepared statement that a Parse, Bind, Describe or Close is about; empty for the unnamed one, and if it is about a
 * portal. `isEnoughOfClientMessage` has seen the message.
 */
export function statementOf(type: number, buffer: Buffer, start: number, end: number): string {
  const body = start + bodyAt;
  switch (type) {
    case fromClient.parse:
      return buffer.toString("latin1", body, stringEnd(buffer, body, end));
    case fromClient.bind: {
      const portalEnd = stringEnd(buffer, body, end);
      return buffer.toString("latin1", portalEnd + 1, stringEnd(buffer, portalEnd + 1, end));
    }
    default: {
      if (buffer[body] !== 0x53 /* S: a statement, P: a portal */) return "";
      return buffer.toString("latin1", body + 1, stringEnd(buffer, body + 1, end));
    }
  }
}

/** The end of the portal's and the statement's name; -1 if it has not arrived. */
function namesOfBindEnd(buffer: Buffer, start: number, end: number): number {
  const portalEnd = cStringEnd(buffer, start + bodyAt, end);
  const statementEnd = portalEnd === -1 ? -1 : cStringEnd(buffer, portalEnd + 1, end);
  if (statementEnd === -1 && end - start > maximumWholeBytes) throw new ProtocolError("08P01", "invalid Bind message");
  return statementEnd;
}

function stringEnd(buffer: Buffer, start: number, end: number): number {
  const zero = cStringEnd(buffer, start, end);
  if (zero === -1) throw new ProtocolError("08P01", "invalid string in message");
  return zero;
}
