import type { Proof, Refusal } from "../../schema/admission.ts";
import { ExpiringCache } from "../expiring-cache.ts";
import type { Admission } from "./admission.ts";
import { limitedAt } from "./limited.ts";

/** Refusals kept by an isolate: about a kilobyte each. */
const maximumRefusals = 5000;
/** For how long a used-up quota is remembered at most, in milliseconds: a tier that was raised must be noticed. */
const limitedMs = 5000;

interface Remembered {
  readonly refusal: Refusal;
  readonly receivedAt: number;
}

/** A refused request, as a Gate decided it or as it is repeated. */
export type Refused = Extract<Admission, { kind: "refused" | "limited" }>;

/** What identifies a proof in memory. Proofs come from verified credentials: no caller can make one up. */
export function proofKey(proof: Proof): string {
  return proof.kind === "session" ? `session:${proof.sessionId}` : `secret:${proof.hash}`;
}

/**
 * The refusals that an isolate repeats without asking the Gate: a used-up quota until its buckets can pay for a request again, and
 * a proof that cannot become good. A refusal can never admit too much, so this may live anywhere: in the region and at the edge.
 */
export class Refusals {
  readonly #remembered = new ExpiringCache<Remembered>(maximumRefusals);

  /** Remembers a Gate's refusal of a proof, received at `now` by the isolate's clock in epoch milliseconds. */
  remember(proof: Proof, refusal: Refusal, now: number): void {
    const forMs = refusal.kind === "limited" ? limitedMs : refusal.repeatForMs;
    if (forMs > 0) this.#remembered.set(proofKey(proof), { refusal, receivedAt: now }, now + forMs);
  }

  /** The refusal of a proof as it stands at `now`; null if the Gate must be asked. */
  find(proof: Proof, now: number): Refused | null {
    const found = this.#remembered.get(proofKey(proof), now);
    if (found === undefined) return null;
    const { refusal, receivedAt } = found;
    if (refusal.kind === "refused") return { kind: "refused" };
    // The two clocks may differ, so only the time since the answer counts. It is shorter than the time since the decision, so
    // that the client is never told to come back too early.
    const limited = limitedAt(refusal.buckets, refusal.at + (now - receivedAt));
    return limited.violated.length === 0 ? null : { kind: "limited", facts: refusal.facts, ...limited };
  }
}
