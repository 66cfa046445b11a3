import { array, assert, integer, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { isEnoughOfClientMessage, statementOf } from "./client-messages.ts";
import { continued, MessageSplitter, ProtocolError } from "./message-splitter.ts";
import { fromClient } from "./protocol.ts";
import { messages } from "./raw-client.ts";

/** Splits `bytes` into chunks of the given lengths, in turn. */
function chunksOf(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1;
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

describe("the messages in a stream", () => {
  it("are found, and their bytes passed on unchanged, wherever the stream is cut into chunks", () => {
    const stream = Buffer.concat([
      messages.parse("statement", "select $1::text"),
      messages.describe("statement"),
      messages.bind("statement", "x".repeat(300)),
      messages.execute(),
      messages.sync(),
      messages.query("select 1"),
    ]);
    assert(
      property(array(integer({ min: 1, max: 40 }), { minLength: 1 }), (lengths) => {
        const seen: Buffer[] = [];
        const names: string[] = [];
        let types = "";
        const splitter = new MessageSplitter((type, buffer, start, end) => {
          seen.push(Buffer.from(buffer.subarray(start, end)));
          if (type === continued) return;
          types += String.fromCharCode(type);
          if (type === fromClient.parse || type === fromClient.bind || type === fromClient.describe)
            names.push(statementOf(type, buffer, start, end));
        }, isEnoughOfClientMessage);
        for (const chunk of chunksOf(stream, lengths)) splitter.feed(chunk);
        expect(types).toBe("PDBESQ");
        expect(names).toEqual(["statement", "statement", "statement"]);
        expect(Buffer.concat(seen).equals(stream)).toBe(true);
        expect(splitter.isBetweenMessages).toBe(true);
      }),
    );
  });

  it("are refused when their length is invalid, or when a prepared statement is larger than the limit", () => {
    const splitter = (): MessageSplitter => new MessageSplitter(() => undefined, isEnoughOfClientMessage);
    expect(() => splitter().feed(Buffer.from([fromClient.query, 0, 0, 0, 3]))).toThrow(ProtocolError);
    expect(() => splitter().feed(Buffer.from([fromClient.parse, 0x7f, 0, 0, 0, 0x73]))).toThrow(ProtocolError);
  });
});
