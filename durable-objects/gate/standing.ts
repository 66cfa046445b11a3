import type { Proof } from "../../schema/admission.ts";
import { sameHash } from "./same-hash.ts";
import type { GateSessions } from "./sessions.ts";
import type { Profile } from "./storage.ts";

/** Whether a proof is good, and if not, for how many milliseconds an isolate may repeat the refusal without asking again. */
export type Standing = { readonly kind: "good" } | { readonly kind: "refused"; readonly repeatForMs: number };

/**
 * For what can never be good again: an ended session (its tombstone is permanent), a revoked or expired key (no route moves its end
 * back, and a key in its grace period is still good), a wrong secret, a disabled user's session (it is ended too). A minute bounds
 * how long a repair by an operator takes.
 */
const finalMs = 60_000;
/** For a session or principal that Postgres did not know when it was asked, in milliseconds: it is asked again after that. */
export const unknownMs = 10_000;

/** What a proof of the principal is worth at `now`. */
export function standingOf(profile: Profile, sessions: GateSessions, proof: Proof, now: number): Standing {
  if (profile.status !== "active") return refused(finalMs);
  if (profile.type === "user") {
    return proof.kind === "session" ? standingOfSession(sessions, proof.sessionId, now) : refused(finalMs);
  }
  if (profile.expires_at !== null && profile.expires_at <= now) return refused(finalMs);
  const good = proof.kind === "secret" && sameHash(proof.hash, profile.secret_hash);
  return good ? { kind: "good" } : refused(finalMs);
}

function standingOfSession(sessions: GateSessions, id: string, now: number): Standing {
  switch (sessions.state(id, now)) {
    case "live":
      return { kind: "good" };
    case "ended":
      return refused(finalMs);
    case "expired":
      // Not remembered: a renewal may be on its way, and the renewed token names the same session.
      return refused(0);
    case "unknown":
      return refused(unknownMs);
  }
}

function refused(repeatForMs: number): Standing {
  return { kind: "refused", repeatForMs };
}
