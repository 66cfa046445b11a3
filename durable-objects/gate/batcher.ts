import type { AdmitAnswer, AdmitCall, Proof } from "../../schema/admission.ts";

/** The face of a Gate that is called. */
export interface GateStub {
  admit(call: AdmitCall): Promise<AdmitAnswer>;
}

/** What was served without asking, to be told with the next call. */
export interface Debts {
  takeDebt(): number;
  returnDebt(debt: number): void;
}

/** The part of the execution context that keeps a shared call alive when the request that leads it is cancelled. */
export interface KeepAlive {
  waitUntil(promise: Promise<unknown>): void;
}

/** The answer to a call, and the place of the asker's proof in it. */
export interface Asked {
  readonly answer: AdmitAnswer;
  readonly at: number;
}

interface Gathering {
  readonly proofs: Proof[];
  readonly answer: Promise<AdmitAnswer | null>;
}

/**
 * Calls to one Gate from one isolate. The first request goes at once. Those that come while it is under way gather, and go
 * together when it is over. A batch is closed before it is sent, so a request that comes after a sign-out was answered is
 * always in a call that the Gate hears after the sign-out.
 *
 * Hazard: a promise of one request is awaited by others here. Workers allow that, but end the work of a request whose client
 * leaves; `waitUntil` keeps a shared call alive until it is settled, which `timeoutMs` bounds.
 */
export class Batcher {
  readonly #stub: () => GateStub;
  readonly #debts: Debts;
  readonly #timeoutMs: number;
  #underWay: Promise<unknown> | null = null;
  #sentAt = 0;
  #gathering: Gathering | null = null;

  constructor(stub: () => GateStub, debts: Debts, timeoutMs: number) {
    this.#stub = stub;
    this.#debts = debts;
    this.#timeoutMs = timeoutMs;
  }

  /** Asks about one proof; null when the Gate cannot be reached in time. */
  async ask(proof: Proof, keepAlive: KeepAlive): Promise<Asked | null> {
    if (this.#underWay === null || this.#isLost()) return this.#asked(this.#send([proof], keepAlive), 0);
    const gathering = (this.#gathering ??= this.#gather(this.#underWay, keepAlive));
    const at = gathering.proofs.push(proof) - 1;
    return this.#asked(gathering.answer, at);
  }

  /** Whether a call has outlived every bound on it: its request was torn down with it, and it will never settle. */
  #isLost(): boolean {
    if (Date.now() - this.#sentAt < 3 * this.#timeoutMs) return false;
    this.#gathering = null;
    return true;
  }

  async #asked(answer: Promise<AdmitAnswer | null>, at: number): Promise<Asked | null> {
    const told = await answer;
    return told === null ? null : { answer: told, at };
  }

  #gather(underWay: Promise<unknown>, keepAlive: KeepAlive): Gathering {
    const proofs: Proof[] = [];
    const answer = underWay.then(() => {
      this.#gathering = null;
      return this.#send(proofs, keepAlive);
    });
    keepAlive.waitUntil(answer);
    return { proofs, answer };
  }

  #send(proofs: readonly Proof[], keepAlive: KeepAlive): Promise<AdmitAnswer | null> {
    const call = this.#call(proofs).finally(() => {
      if (this.#underWay === call) this.#underWay = null;
    });
    this.#underWay = call;
    this.#sentAt = Date.now();
    keepAlive.waitUntil(call);
    return call;
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
    let timer: ReturnType<typeof setTimeout> | null = null;
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
