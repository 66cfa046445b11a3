import type { Admission } from "../../../durable-objects/gate/admission.ts";
import type { GateFacts, LimitState, Proof } from "../../../schema/admission.ts";
import { AppError } from "../../../schema/errors.ts";
import type { ClaimedCaller } from "../../../schema/forwarded.ts";
import type { Principal } from "../../../schema/principal.ts";
import type { Region } from "../../../schema/regions.ts";
import type { Quota } from "../../serve/served.ts";
import { settingsOf } from "../settings.ts";
import { isolateOf } from "./isolate.ts";

/** The Gate's decision about a request. `facts`: what it knows of the principal. */
export type Admitted =
  | { readonly kind: "admitted"; readonly facts: GateFacts; readonly principal: Principal; readonly quota: Quota }
  | {
      readonly kind: "refused";
      readonly facts: GateFacts | null;
      readonly error: AppError;
      readonly limits: readonly LimitState[];
    };

/**
 * Asks the caller's Gate, once. Refused with 401 when the session or key has ended, with 429 and `violated-policies` when its quota
 * is used up, with 503 when the Gate cannot be reached and nothing is known of the principal. Never rejects.
 */
export async function admit(
  caller: ClaimedCaller,
  env: RegionEnv,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<Admitted> {
  const { region } = settingsOf(env);
  const admission = await isolateOf(env).gates.admit(region, caller.id, proofOf(caller), { waitUntil });
  return decided(admission, caller, region);
}

function proofOf(caller: ClaimedCaller): Proof {
  return caller.kind === "session"
    ? { kind: "session", sessionId: caller.session_id }
    : { kind: "secret", hash: caller.secret_hash };
}

function decided(admission: Admission, caller: ClaimedCaller, region: Region): Admitted {
  switch (admission.kind) {
    case "refused":
      return { kind: "refused", facts: null, error: new AppError("unauthorized"), limits: [] };
    case "unavailable": {
      const error = new AppError("unavailable", { retryAfter: admission.retryAfterSeconds });
      return { kind: "refused", facts: null, error, limits: [] };
    }
    case "limited": {
      const { facts, limits } = admission;
      return { kind: "refused", facts, error: limited(admission), limits };
    }
    case "admitted": {
      const { facts, limits, usage } = admission;
      return { kind: "admitted", facts, principal: principalOf(facts, caller, region), quota: { limits, usage } };
    }
    default:
      return admission satisfies never;
  }
}

function limited(admission: Extract<Admission, { kind: "limited" }>): AppError {
  return new AppError("rate_limited", {
    detail: "The quota of this credential is used up for now.",
    retryAfter: admission.retryAfterSeconds,
    members: { "violated-policies": admission.violated },
  });
}

function principalOf(facts: GateFacts, caller: ClaimedCaller, region: Region): Principal {
  if (facts.type === "api_key") return { ...facts, region };
  return { ...facts, region, session_id: caller.kind === "session" ? caller.session_id : "" };
}
