import type { Proof, Refusal } from "../../schema/admission.ts";
import { ExpiringCache } from "../expiring-cache.ts";
import type { Admission } from "./admission.ts";
import { limitedAt } from "./limited.ts";

/** Refusals kept by an isolate: about a kilobyte each. */
const maximumRefusals = 5000;

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

/** How a refusal is presented while it is true, at `refusal.at` by the Gate's clock. */
export function presentRefusal(refusal: Refusal): Refused {
  if (refusal.kind === "refused") return { kind: "refused", refusal };
  return { kind: "limited", facts: refusal.facts, refusal, ...limitedAt(refusal.buckets, refusal.at) };
}

/**
 * The refusals that an isolate repeats without asking the Gate: a used-up quota until its buckets can pay for a request again, and
 * a proof that cannot become good. A refusal can never admit too much, so this may live anywhere: in the region, which gets refusals
 * from the Gate, and at the edge, which gets them from the region (`Admission.refusal`).
 */
export class Refusals {
  readonly #remembered = new ExpiringCache<Remembered>(maximumRefusals);

  /** Remembers a refusal of a proof, received at `now` by the isolate's clock in epoch milliseconds. */
  remember(proof: Proof, refusal: Refusal, now: number): void {
    if (refusal.repeatForMs <= 0) return;
    this.#remembered.set(proofKey(proof), { refusal, receivedAt: now }, now + refusal.repeatForMs);
  }

  /** The refusal of a proof as it stands at `now`; null if the Gate must be asked. */
  find(proof: Proof, now: number): Refused | null {
    const found = this.#remembered.get(proofKey(proof), now);
    if (found === undefined) return null;
    const refused = presentRefusal(after(found.refusal, now - found.receivedAt));
    return refused.kind === "limited" && refused.violated.length === 0 ? null : refused;
  }
}

/**
 * A refusal `elapsedMs` after it was received. The clocks of the Gate and the isolate may differ, so only the time between counts. It
 * is shorter than the time since the decision, so that no client is told to come back too early.
 */
function after(refusal: Refusal, elapsedMs: number): Refusal {
  const repeatForMs = refusal.repeatForMs - elapsedMs;
  return refusal.kind === "refused"
    ? { ...refusal, repeatForMs }
    : { ...refusal, repeatForMs, at: refusal.at + elapsedMs };
}
