import type { AdmitAnswer, AdmitCall, Proof } from "../../schema/admission.ts";
import { until } from "../until.ts";

/** The face of a Gate that is called. */
export interface GateStub {
  admit(call: AdmitCall): Promise<AdmitAnswer>;
}

/** What was served without asking, to be told with the next call. */
export interface Debts {
  takeDebt(): number;
  returnDebt(debt: number): void;
}

/** The part of the execution context that lets a request finish what others wait for when its client leaves. */
export interface KeepAlive {
  waitUntil(promise: Promise<unknown>): void;
}

/** The answer to a call, and the place of the asker's proof in it. */
export interface Asked {
  readonly answer: AdmitAnswer;
  readonly at: number;
}

/** A request that waits. It looks at `told`: an answer, null for none, or that it is to make the next call. */
interface Waiter {
  readonly proof: Proof;
  told: Asked | null | "make the next call" | "nothing yet";
}

/**
 * Calls to one Gate from one isolate. The first request calls at once. Those that come while a call is under way wait, and when it
 * is over one of them makes a call for all who wait by then. Who comes after that call was sent waits for the next, so a
 * request that comes after a sign-out was answered is always in a call that the Gate hears after the sign-out.
 */
export class Batcher {
  readonly #stub: () => GateStub;
  readonly #debts: Debts;
  readonly #timeoutMs: number;
  #waiting: Waiter[] = [];
  /** When the call under way was sent, epoch milliseconds; null when there is none. */
  #sentAt: number | null = null;

  constructor(stub: () => GateStub, debts: Debts, timeoutMs: number) {
    this.#stub = stub;
    this.#debts = debts;
    this.#timeoutMs = timeoutMs;
  }

  /** Asks about one proof; null when the Gate cannot be reached in time. */
  ask(proof: Proof, keepAlive: KeepAlive): Promise<Asked | null> {
    const waiter: Waiter = { proof, told: "nothing yet" };
    const asked = this.#isUnderWay() ? this.#wait(waiter) : this.#callFor([waiter]);
    // Were it torn down with its client gone, those that it calls for would wait in vain.
    keepAlive.waitUntil(asked);
    return asked;
  }

  /** A call that has outlived every bound on it was torn down with its request, and is not waited for. */
  #isUnderWay(): boolean {
    return this.#sentAt !== null && Date.now() - this.#sentAt < this.#patienceMs();
  }

  #patienceMs(): number {
    return 3 * this.#timeoutMs;
  }

  async #wait(waiter: Waiter): Promise<Asked | null> {
    this.#waiting.push(waiter);
    await until(() => waiter.told !== "nothing yet", this.#patienceMs());
    if (waiter.told === "nothing yet" || waiter.told === "make the next call") {
      const others = this.#waiting.filter((other) => other !== waiter);
      this.#waiting = [];
      return this.#callFor([waiter, ...others]);
    }
    return waiter.told;
  }

  /** Calls for `waiters`, the first of which is the caller, tells the others, and lets one of those that came since make the next. */
  async #callFor(waiters: readonly Waiter[]): Promise<Asked | null> {
    this.#sentAt = Date.now();
    const answer = await this.#call(waiters.map((waiter) => waiter.proof));
    const told = waiters.map((_waiter, at) => (answer === null ? null : { answer, at }));
    for (const [at, waiter] of waiters.entries()) waiter.told = told[at] ?? null;
    const [next] = this.#waiting;
    this.#sentAt = next === undefined ? null : Date.now();
    if (next !== undefined) next.told = "make the next call";
    return told[0] ?? null;
  }

  /** One call, repeated once if the runtime says that this can help. Never rejects. */
  async #call(proofs: readonly Proof[]): Promise<AdmitAnswer | null> {
    const alreadyServed = this.#debts.takeDebt();
    try {
      return await this.#inTime({ proofs, alreadyServed });
    } catch (first) {
      try {
        if (mayHelpToRepeat(first)) return await this.#inTime({ proofs, alreadyServed });
        logFailure(first);
      } catch (second) {
        logFailure(second);
      }
      this.#debts.returnDebt(alreadyServed);
      return null;
    }
  }

  async #inTime(call: AdmitCall): Promise<AdmitAnswer> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new GateTimeout()), this.#timeoutMs);
    });
    try {
      return await Promise.race([this.#stub().admit(call), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

class GateTimeout extends Error {
  override readonly name = "GateTimeout";
}

/** See https://developers.cloudflare.com/durable-objects/best-practices/error-handling/. */
function mayHelpToRepeat(error: unknown): boolean {
  const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
  return retryable === true && overloaded !== true;
}

function logFailure(error: unknown): void {
  const name = error instanceof Error ? error.name : typeof error;
  console.warn(JSON.stringify({ level: "warn", event: "gate.unreachable", error: name }));
}
