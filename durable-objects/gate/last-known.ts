import { LRUCache } from "lru-cache";
import type { AdmitAnswer, GateFacts, LimitState, Proof } from "../../schema/admission.ts";
import type { Admission } from "./admission.ts";
import { proofKey } from "./refusals.ts";

/** For how long an isolate goes on by what it last knew while a Gate cannot be reached, in milliseconds. */
const fallBackMs = 60_000;
/** Proofs remembered for one principal. */
const maximumProofs = 50;

/** A proof that the Gate accepted. Each has its own time: one session's requests must not keep another, ended one alive. */
interface Accepted {
  /** When the Gate was asked, epoch milliseconds: it decided no earlier. */
  readonly askedAt: number;
  refreshing: boolean;
}

/** A call to the Gate that is under way. */
export interface Call {
  /** Epoch milliseconds. */
  readonly askedAt: number;
  /** Its place among the events of this principal in this isolate. */
  readonly order: number;
  readonly alreadyServed: number;
}

/** What there is to learn from an answer that accepted a proof. */
type Learned = Omit<Extract<AdmitAnswer, { kind: "admitted" }>, "kind" | "limits"> & {
  readonly limits: readonly LimitState[];
};

/**
 * What one isolate last heard from one Gate. Serves an unlimited principal between two questions, and any principal while the
 * Gate cannot be reached: then it counts down and never refills. What is served from here is a debt that the next call pays.
 */
export class LastKnown {
  /** Proofs that the Gate accepted when it was last asked about them. */
  readonly #accepted = new LRUCache<string, Accepted>({ max: maximumProofs });
  #facts: GateFacts | null = null;
  #limits: readonly LimitState[] = [];
  #usage = 0;
  #reuseForMs = 0;
  #debt = 0;
  /** Counts the events of this principal. */
  #order = 0;
  /** The order at which `#limits` was last known to be the newest. */
  #newestAt = 0;

  /** Begins a call, which takes the debt with it. */
  begin(now: number): Call {
    const call = { askedAt: now, order: (this.#order += 1), alreadyServed: this.#debt };
    this.#debt = 0;
    return call;
  }

  /** Gives back the debt of a call that failed. Whether the Gate counted it is not known: it may be paid twice, but never not at all. */
  fail(call: Call): void {
    this.#debt += call.alreadyServed;
  }

  /**
   * Keeps a decision of the Gate. Calls overlap, and answers may come in another order than decisions were made. Only a call that was
   * sent after the last thing was learned surely knows more; from any other the lower levels count.
   */
  learn(call: Call, proof: Proof, answer: Learned): void {
    this.#accepted.set(proofKey(proof), { askedAt: call.askedAt, refreshing: false });
    if (call.order < this.#newestAt) {
      this.#limits = lower(this.#limits, answer.limits);
      return;
    }
    this.#facts = answer.facts;
    this.#limits = answer.limits;
    this.#usage = answer.usage;
    this.#reuseForMs = answer.reuseForMs;
    this.#newestAt = this.#order += 1;
  }

  /** Forgets a proof that the Gate refused. */
  forget(proof: Proof): void {
    this.#accepted.delete(proofKey(proof));
  }

  /**
   * The remembered admission of an unlimited principal, null if the Gate must be asked. At half its time one request is told to
   * refresh it. That request is counted by the refresh, every other one becomes a debt.
   */
  reuse(proof: Proof, now: number): { admission: Admission; refreshDue: boolean } | null {
    const accepted = this.#accepted.get(proofKey(proof));
    if (this.#facts === null || accepted === undefined) return null;
    const age = now - accepted.askedAt;
    if (age >= this.#reuseForMs) return null;
    const refreshDue = !accepted.refreshing && age * 2 >= this.#reuseForMs;
    if (refreshDue) accepted.refreshing = true;
    else this.#debt += 1;
    this.#usage += 1;
    const admission = { kind: "admitted", facts: this.#facts, limits: this.#limits, usage: this.#usage } as const;
    return { admission, refreshDue };
  }

  /** The decision while the Gate cannot be reached. Lets another request refresh. */
  fallBack(proof: Proof, now: number, retryAfterSeconds = 1): Admission {
    const accepted = this.#accepted.get(proofKey(proof));
    if (this.#facts === null || accepted === undefined || now - accepted.askedAt > fallBackMs) {
      return { kind: "unavailable", retryAfterSeconds };
    }
    accepted.refreshing = false;
    const violated = this.#limits.filter((limit) => limit.remaining < 1).map((limit) => limit.name);
    if (violated.length > 0)
      return { kind: "limited", facts: this.#facts, limits: this.#limits, violated, retryAfterSeconds, refusal: null };
    this.#limits = this.#limits.map((limit) => ({ ...limit, remaining: limit.remaining - 1 }));
    this.#newestAt = this.#order += 1;
    this.#debt += 1;
    this.#usage += 1;
    return { kind: "admitted", facts: this.#facts, limits: this.#limits, usage: this.#usage };
  }
}

/** `known`, with no more remaining than `other` says. */
function lower(known: readonly LimitState[], other: readonly LimitState[]): LimitState[] {
  const remaining = new Map(other.map((limit) => [limit.name, limit.remaining]));
  return known.map((limit) => ({
    ...limit,
    remaining: Math.min(limit.remaining, remaining.get(limit.name) ?? limit.remaining),
  }));
}
