import { LRUCache } from "lru-cache";
import type { AdmitAnswer, AdmitCall, Proof } from "../../schema/admission.ts";
import { withTimeout } from "../with-timeout.ts";
import type { Admission } from "./admission.ts";
import { LastKnown } from "./last-known.ts";
import { presentRefusal, Refusals } from "./refusals.ts";

/** The part of a Gate that is called. */
export interface GateStub {
  admit(call: AdmitCall): Promise<AdmitAnswer>;
}

/** What the client needs from the Worker that it runs in. */
export interface GateClientOptions {
  /** A stub of the principal's Gate, in its jurisdiction. A new one for each call: a stub that has thrown stays broken. */
  readonly stubFor: (principalId: string) => GateStub;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** How long a Gate may take to answer, in milliseconds; 2000 if not given. */
  readonly timeoutMs?: number;
}

/** Principals whose last known state is kept. */
const maximumPrincipals = 10_000;
const defaultTimeoutMs = 2000;

/**
 * The one way to reach the Gates of a region. A request makes one call and waits for no other request. Three things are answered
 * without a call: a remembered refusal, an unlimited principal within its recheck interval, and, while a Gate cannot be
 * reached, the last known state of a principal, which counts down.
 */
export class GateClient {
  readonly #options: GateClientOptions;
  readonly #refusals = new Refusals();
  readonly #known = new LRUCache<string, LastKnown>({ max: maximumPrincipals });

  constructor(options: GateClientOptions) {
    this.#options = options;
  }

  /** Asks whether one request may come in. `waitUntil` lets a refresh finish after the response. Never rejects. */
  async admit(principalId: string, proof: Proof, waitUntil: (promise: Promise<unknown>) => void): Promise<Admission> {
    const now = this.#options.now();
    const refused = this.#refusals.find(proof, now);
    if (refused !== null) return refused;
    const known = this.#knownOf(principalId);
    const reuse = known.reuse(proof, now);
    if (reuse === null) return this.#ask(principalId, known, proof);
    if (reuse.refreshDue) waitUntil(this.#ask(principalId, known, proof));
    return reuse.admission;
  }

  async #ask(principalId: string, known: LastKnown, proof: Proof): Promise<Admission> {
    const call = known.begin(this.#options.now());
    const answer = await this.#call(principalId, { proof, alreadyServed: call.alreadyServed });
    const now = this.#options.now();
    if (answer === null || answer.kind === "unavailable") {
      known.fail(call);
      return known.fallBack(proof, now, answer?.retryAfterSeconds);
    }
    // A slow answer may arrive after the session was ended and refused: then nothing of it is kept.
    const overtaken = this.#refusals.find(proof, now)?.kind === "refused";
    if (answer.kind === "admitted") {
      if (!overtaken) known.learn(call, proof, answer);
      const { facts, limits, usage } = answer;
      return { kind: "admitted", facts, limits, usage };
    }
    const refused = presentRefusal(answer);
    if (!overtaken) this.#refusals.remember(proof, answer, now);
    if (answer.kind === "refused") known.forget(proof);
    else if (refused.kind === "limited" && !overtaken) {
      known.learn(call, proof, { facts: answer.facts, usage: answer.usage, limits: refused.limits, reuseForMs: 0 });
    }
    return refused;
  }

  /** One call, repeated once if the runtime says that this can help; null when the Gate cannot be reached. Never rejects. */
  async #call(principalId: string, call: AdmitCall): Promise<AdmitAnswer | null> {
    const { stubFor, timeoutMs = defaultTimeoutMs } = this.#options;
    const attempt = (): Promise<AdmitAnswer> => withTimeout(stubFor(principalId).admit(call), timeoutMs);
    try {
      return await attempt().catch((error: unknown) => {
        if (mayHelpToRepeat(error)) return attempt();
        throw error;
      });
    } catch (error) {
      const name = error instanceof Error ? error.name : typeof error;
      console.warn(JSON.stringify({ level: "warn", event: "gate.unreachable", error: name }));
      return null;
    }
  }

  #knownOf(principalId: string): LastKnown {
    const found = this.#known.get(principalId);
    if (found !== undefined) return found;
    const known = new LastKnown();
    this.#known.set(principalId, known);
    return known;
  }
}

/** See https://developers.cloudflare.com/durable-objects/best-practices/error-handling/. */
function mayHelpToRepeat(error: unknown): boolean {
  const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
  return retryable === true && overloaded !== true;
}
