import type { Proof } from "../../schema/admission.ts";
import type { ClaimedCaller } from "../../schema/forwarded.ts";

/** What a caller proves itself with at its Gate. */
export function proofOf(caller: ClaimedCaller): Proof {
  return caller.kind === "session"
    ? { kind: "session", sessionId: caller.session_id }
    : { kind: "secret", hash: caller.secret_hash };
}
