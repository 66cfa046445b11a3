import { closeStatement, fromServer } from "./protocol.ts";

/** A ParseComplete or CloseComplete that the server will send. */
interface Expected {
  readonly type: typeof fromServer.parseComplete | typeof fromServer.closeComplete;
  /** The statement to be parsed; empty for none. */
  readonly name: string;
  /** The client's own Parse, to be remembered when it succeeded; null if it is unnamed or not the client's. */
  readonly parse: Buffer | null;
  /** Whether the pooler asked for it, so that the client must not see it. */
  readonly injected: boolean;
}

/** What the server answers with one ReadyForQuery. */
interface Group {
  readonly expected: Expected[];
  /** False until the message that asks for ReadyForQuery has been sent. */
  complete: boolean;
}

/**
 * What one client has sent on one server connection, and what the server has not answered yet, from the client's first message to the end of
 * its transaction. Statements are prepared under the client's own names: the connection is reset before another client gets it.
 */
export class Exchange {
  readonly #groups: Group[] = [];
  /** Statements on the server: there, being parsed as the client asked, or being parsed as the pooler asked in that group. */
  readonly #statements = new Map<string, "prepared" | "parsing" | Group>();
  readonly #remember: (name: string, parse: Buffer) => void;

  /** `remember` is called when the client's Parse of a named statement has succeeded. */
  constructor(remember: (name: string, parse: Buffer) => void) {
    this.#remember = remember;
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
    this.sent().expected.push({ type: fromServer.parseComplete, name, parse, injected: false });
    if (name !== "") this.#statements.set(name, "parsing");
  }

  /** A Close of the client; the name if it closes a statement. */
  sentClose(name: string): void {
    this.sent().expected.push({ type: fromServer.closeComplete, name: "", parse: null, injected: false });
    this.#statements.delete(name);
  }

  /**
   * What must be sent before a message that uses a statement of the client, given the Parse that the client once sent for it. Empty if the
   * server has the statement or will have it.
   */
  beforeUse(name: string, parse: Buffer | undefined): readonly Buffer[] {
    if (name === "" || parse === undefined) return [];
    const state = this.#statements.get(name);
    const group = this.sent();
    if (state === "prepared" || state === "parsing" || state === group) return [];
    this.#statements.set(name, group);
    const injected = { name, parse: null, injected: true };
    // An earlier group asked for it, and an error there may make the server skip it: Close makes a second Parse valid either way.
    const again = state !== undefined;
    if (again) group.expected.push({ ...injected, type: fromServer.closeComplete, name: "" });
    group.expected.push({ ...injected, type: fromServer.parseComplete });
    return again ? [closeStatement(name), parse] : [parse];
  }

  /** ParseComplete or CloseComplete came. Returns whether it is for the client. */
  completed(): boolean {
    const expected = this.#groups[0]?.expected.shift();
    if (expected === undefined) return true;
    if (expected.name !== "") this.#statements.set(expected.name, "prepared");
    if (expected.parse !== null) this.#remember(expected.name, expected.parse);
    return !expected.injected;
  }

  /** ReadyForQuery came: what was not done in its group was skipped. */
  ready(): void {
    for (const { name } of this.#groups.shift()?.expected ?? []) {
      const isExpectedAgain = this.#groups.some((group) => group.expected.some((later) => later.name === name));
      if (!isExpectedAgain && this.#statements.get(name) !== "prepared") this.#statements.delete(name);
    }
  }
}
