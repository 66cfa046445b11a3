import { closeStatement, fromServer } from "./protocol.ts";

/** A ParseComplete or CloseComplete that the server will send, unless an error comes before it. */
interface Expected {
  readonly effect: "parsed" | "closed";
  /** The prepared statement; empty for the unnamed one and for a portal. */
  readonly name: string;
  /** The client's own Parse of a named statement; null otherwise. */
  readonly parse: Buffer | null;
  /** Whether the pooler asked for it, so that the client must not see it. */
  readonly injected: boolean;
}

/** The messages that the server answers with one ReadyForQuery. */
interface Group {
  readonly expected: Expected[];
  /** False until the message that asks for ReadyForQuery has been sent. */
  complete: boolean;
}

/**
 * Whether the server has a statement: it has; the client has asked for it, or to close it, and the server has not answered; or the pooler
 * has asked for it in that group. Of a group that has ended, the server skipped something, and may have the statement or not.
 */
type StatementState = "prepared" | "parsing" | "closing" | Group;

/** Where an exchange reports what has become of the client's named statements; `parse` is null if it is closed. */
export type OnStatement = (name: string, parse: Buffer | null) => void;

/**
 * What one client has sent on one server connection, and what the server has not answered yet, from the client's first message to the end of
 * its transaction. Statements are prepared under the client's own names: the connection is reset before another client gets it.
 */
export class Exchange {
  readonly #groups: Group[] = [];
  readonly #statements = new Map<string, StatementState>();
  readonly #onStatement: OnStatement;

  constructor(onStatement: OnStatement) {
    this.#onStatement = onStatement;
  }

  /** Whether the server has answered everything. */
  get isAnswered(): boolean {
    return this.#groups.length === 0;
  }

  /** A message that the server answers, or skips after an error. */
  sent(): Group {
    const last = this.#groups.at(-1);
    if (last !== undefined && !last.complete) return last;
    const group: Group = { expected: [], complete: false };
    this.#groups.push(group);
    return group;
  }

  /** A message that the server answers with ReadyForQuery: Sync, Query, FunctionCall. */
  sentLast(): void {
    this.sent().complete = true;
  }

  /** A Parse of the client; its bytes if it is named. */
  sentParse(name: string, parse: Buffer | null): void {
    this.sent().expected.push({ effect: "parsed", name, parse, injected: false });
    if (name !== "") this.#statements.set(name, "parsing");
  }

  /** A Close of the client, of a named statement or of anything else. */
  sentClose(name: string): void {
    this.sent().expected.push({ effect: "closed", name, parse: null, injected: false });
    if (name !== "") this.#statements.set(name, "closing");
  }

  /**
   * What must be sent before a message that uses a statement, given the Parse by which the client once made it. Empty if the server has the
   * statement or will have it, and if the client has no such statement, which the server reports.
   */
  beforeUse(name: string, parse: Buffer | undefined): readonly Buffer[] {
    if (name === "" || parse === undefined) return [];
    const state = this.#statements.get(name);
    const group = this.sent();
    if (typeof state === "string" || state === group) return [];
    this.#statements.set(name, group);
    // Close makes the Parse valid whether the server has the statement or not.
    const mayExist = state !== undefined;
    if (mayExist) group.expected.push({ effect: "closed", name: "", parse: null, injected: true });
    group.expected.push({ effect: "parsed", name, parse: null, injected: true });
    return mayExist ? [closeStatement(name), parse] : [parse];
  }

  /** ParseComplete or CloseComplete came. Returns whether it is for the client. */
  completed(): boolean {
    const expected = this.#groups[0]?.expected.shift();
    if (expected === undefined) return true;
    const { effect, name, parse, injected } = expected;
    if (name !== "" && effect === "parsed") {
      // A Close that was sent since is answered later.
      if (this.#statements.get(name) !== "closing") this.#statements.set(name, "prepared");
      if (parse !== null) this.#onStatement(name, parse);
    }
    if (name !== "" && effect === "closed") {
      if (this.#statements.get(name) === "closing") this.#statements.delete(name);
      this.#onStatement(name, null);
    }
    return !injected;
  }

  /** ReadyForQuery came: the server has skipped what it has not answered in that group. */
  ready(): void {
    const group = this.#groups.shift();
    for (const { name } of group?.expected ?? []) {
      const isExpectedAgain = this.#groups.some(({ expected }) => expected.some((later) => later.name === name));
      if (group !== undefined && name !== "" && !isExpectedAgain) this.#statements.set(name, group);
    }
  }
}

/** Whether a message of the server is one that `Exchange.completed` must be asked about. */
export function isCompletion(type: number): boolean {
  return type === fromServer.parseComplete || type === fromServer.closeComplete;
}
