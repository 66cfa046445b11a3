import { LRUCache } from "lru-cache";
import type { GateFacts, LimitState, Proof, Verdict } from "../../schema/admission.ts";
import type { Admission } from "./admission.ts";

/** For how long an isolate goes on by what it last knew while a Gate cannot be reached, in milliseconds. */
const fallBackMs = 60_000;

/** A proof that the Gate accepted. Each has its own time: one session's requests must not keep another, ended one alive. */
interface Accepted {
  /** Epoch milliseconds. */
  readonly at: number;
  refreshing: boolean;
}

/**
 * What one isolate last heard from one Gate. Serves an unlimited principal between two questions, and anybody, counting down
 * and never refilling, while the Gate cannot be reached. Whatever is served from here is a debt that the Gate is told of.
 */
export class LastKnown {
  /** Proofs that the Gate accepted when it was last asked about them. */
  readonly #accepted = new LRUCache<string, Accepted>({ max: 50 });
  #facts: GateFacts | null = null;
  #limits: readonly LimitState[] = [];
  #usage = 0;
  #reuseForMs = 0;
  #debt = 0;

  /** Keeps a decision of the Gate. */
  learn(
    proof: Proof,
    facts: GateFacts,
    verdict: Verdict,
    told: { usage: number; reuseForMs: number },
    now: number,
  ): void {
    if (verdict.kind === "refused") return;
    this.#facts = facts;
    this.#limits = verdict.limits;
    this.#usage = told.usage;
    this.#reuseForMs = told.reuseForMs;
    this.#accepted.set(proofKey(proof), { at: now, refreshing: false });
  }

  /** Forgets a proof that the Gate refused. */
  forget(proof: Proof): void {
    this.#accepted.delete(proofKey(proof));
  }

  /**
   * The remembered answer for an unlimited principal, null if the Gate must be asked. At half its time one request is told to
   * have it refreshed; that request is counted by the refresh, every other one becomes a debt.
   */
  reuse(proof: Proof, now: number): { admission: Admission; refreshDue: boolean } | null {
    const accepted = this.#accepted.get(proofKey(proof));
    if (this.#facts === null || accepted === undefined) return null;
    const age = now - accepted.at;
    if (age >= this.#reuseForMs) return null;
    const refreshDue = !accepted.refreshing && age * 2 >= this.#reuseForMs;
    if (refreshDue) accepted.refreshing = true;
    else this.#debt += 1;
    this.#usage += 1;
    const admission = { kind: "admitted", facts: this.#facts, limits: this.#limits, usage: this.#usage } as const;
    return { admission, refreshDue };
  }

  /** Lets another request refresh, after a refresh that failed; the request it was for is owed. */
  refreshFailed(proof: Proof): void {
    const accepted = this.#accepted.get(proofKey(proof));
    if (accepted !== undefined) accepted.refreshing = false;
    this.#debt += 1;
  }

  /** The decision while the Gate cannot be reached. */
  fallBack(proof: Proof, now: number, retryAfterSeconds = 1): Admission {
    const accepted = this.#accepted.get(proofKey(proof));
    if (this.#facts === null || accepted === undefined || now - accepted.at > fallBackMs) {
      return { kind: "unavailable", retryAfterSeconds };
    }
    const violated = this.#limits.filter((limit) => limit.remaining < 1).map((limit) => limit.name);
    if (violated.length > 0)
      return { kind: "limited", facts: this.#facts, limits: this.#limits, violated, retryAfterSeconds };
    this.#limits = this.#limits.map((limit) => ({ ...limit, remaining: limit.remaining - 1 }));
    this.#debt += 1;
    this.#usage += 1;
    return { kind: "admitted", facts: this.#facts, limits: this.#limits, usage: this.#usage };
  }

  /** Requests served without asking since the last call; the call that carries them takes them away. */
  takeDebt(): number {
    const debt = this.#debt;
    this.#debt = 0;
    return debt;
  }

  /** Gives back a debt that could not be delivered. */
  returnDebt(debt: number): void {
    this.#debt += debt;
  }
}

function proofKey(proof: Proof): string {
  return proof.kind === "session" ? proof.sessionId : proof.hash;
}
