import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { StoredMessage } from "./message.ts";

/** A line of the journal: a message as it is now, or the id of one that is done. */
type Line = { readonly put: StoredMessage } | { readonly done: string };

/** The journal is written anew when it has this many lines that say nothing any more. */
const maximumWaste = 20_000;

/**
 * The messages of one queue, in memory and in a file: what is put is in the file when `put` returns, and so outlives the process (not a
 * power cut: nothing is flushed). A last line that was half written is nobody's: it was never acknowledged.
 */
export class Journal {
  readonly #file: string;
  readonly #messages = new Map<string, StoredMessage>();
  #waste = 0;
  /** Bytes of the bodies that wait. */
  bytes = 0;

  constructor(file: string) {
    this.#file = file;
    mkdirSync(dirname(file), { recursive: true });
    for (const line of existsSync(file) ? readFileSync(file, "utf8").split("\n") : []) {
      const read = parse(line);
      if (read === null) continue;
      if ("put" in read) this.#messages.set(read.put.id, read.put);
      else this.#messages.delete(read.done);
    }
    for (const { body } of this.#messages.values()) this.bytes += sizeOf(body);
    this.#compact();
  }

  /** Every message, in the order in which they came. */
  get messages(): ReadonlyMap<string, StoredMessage> {
    return this.#messages;
  }

  /** Stores messages, or what has changed of them. */
  put(messages: readonly StoredMessage[]): void {
    this.#write(messages.map((message) => ({ put: message })));
    for (const message of messages) {
      if (this.#messages.has(message.id)) this.#waste += 1;
      else this.bytes += sizeOf(message.body);
      this.#messages.set(message.id, message);
    }
  }

  /** Forgets messages. */
  remove(ids: readonly string[]): void {
    this.#write(ids.map((id) => ({ done: id })));
    for (const id of ids) {
      this.bytes -= sizeOf(this.#messages.get(id)?.body ?? "");
      this.#messages.delete(id);
    }
    this.#waste += 2 * ids.length;
    if (this.#waste > maximumWaste) this.#compact();
  }

  #write(lines: readonly Line[]): void {
    if (lines.length > 0) appendFileSync(this.#file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }

  #compact(): void {
    const lines = [...this.#messages.values()].map((message) => `${JSON.stringify({ put: message })}\n`);
    writeFileSync(`${this.#file}.new`, lines.join(""), { mode: 0o600 });
    renameSync(`${this.#file}.new`, this.#file);
    this.#waste = 0;
  }
}

function parse(line: string): Line | null {
  try {
    return line === "" ? null : (JSON.parse(line) as Line);
  } catch {
    return null;
  }
}

function sizeOf(base64: string): number {
  return Math.floor((base64.length * 3) / 4);
}
