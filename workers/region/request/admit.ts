import type { Admission } from "../../../durable-objects/gate/admission.ts";
import type { GateFacts, Refusal } from "../../../schema/admission.ts";
import { AppError } from "../../../schema/errors.ts";
import type { ClaimedCaller } from "../../../schema/forwarded.ts";
import type { Principal } from "../../../schema/principal.ts";
import type { Region } from "../../../schema/regions.ts";
import { proofOf } from "../../serve/proof-of.ts";
import { gateRefusal, type GateRefusal } from "../../serve/gate-refusal.ts";
import type { Quota } from "../../serve/served.ts";
import { settingsOf } from "../settings.ts";
import { isolateOf } from "./isolate.ts";

/** The Gate's decision about a request. `customerId`: the principal's customer, null if the Gate knows no such principal. */
export type Admitted =
  | {
      readonly kind: "admitted";
      readonly customerId: string;
      readonly principal: Principal;
      readonly quota: Quota;
    }
  | ({
      readonly kind: "refused";
      readonly customerId: string | null;
      /** What the edge may remember; null when the Gate could not be reached. */
      readonly refusal: Refusal | null;
    } & GateRefusal);

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
  const admission = await isolateOf(env).gates.admit(caller.id, proofOf(caller), waitUntil);
  return decided(admission, caller, region);
}

function decided(admission: Admission, caller: ClaimedCaller, region: Region): Admitted {
  switch (admission.kind) {
    case "unavailable": {
      const error = new AppError("unavailable", { retryAfter: admission.retryAfterSeconds });
      return { kind: "refused", customerId: null, refusal: null, error, limits: [] };
    }
    case "refused": {
      const { refusal } = admission;
      const customerId = refusal.kind === "refused" ? (refusal.customer_id ?? null) : refusal.facts.customer_id;
      return { kind: "refused", customerId, refusal, ...gateRefusal(admission) };
    }
    case "limited": {
      const { refusal, facts } = admission;
      return { kind: "refused", customerId: facts.customer_id, refusal, ...gateRefusal(admission) };
    }
    case "admitted": {
      const { facts, limits, usage } = admission;
      const principal = principalOf(facts, caller, region);
      return { kind: "admitted", customerId: facts.customer_id, principal, quota: { limits, usage } };
    }
    default:
      return admission satisfies never;
  }
}

function principalOf(facts: GateFacts, caller: ClaimedCaller, region: Region): Principal {
  if (facts.type === "api_key") return { ...facts, region };
  return { ...facts, region, session_id: caller.kind === "session" ? caller.session_id : "" };
}
