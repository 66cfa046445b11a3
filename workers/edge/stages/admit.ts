import type { Admission } from "../../../durable-objects/gate/admission.ts";
import type { GateFacts } from "../../../schema/admission.ts";
import { AppError } from "../../../schema/errors.ts";
import type { Principal } from "../../../schema/principal.ts";
import type { Claimed } from "./authenticate.ts";
import type { Passage, Recorded } from "./passage.ts";

/** A principal that the Gate let in, and what it counted. */
export interface Admitted {
  readonly principal: Principal;
  readonly usage: number;
}

/**
 * Asks the principal's Gate, once. 401 when the session or key is over, 429 with `violated-policies` when tokens are, 503 when the
 * Gate cannot be reached and nothing is known of the key.
 */
export async function admit(passage: Passage, claimed: Claimed): Promise<Admitted> {
  const { edge, waitUntil } = passage;
  const admission = await edge.gates[claimed.region].admit(claimed.principalId, claimed.proof, waitUntil);
  if (admission.kind === "refused") throw new AppError("unauthorized");
  if (admission.kind === "unavailable") throw new AppError("unavailable", { retryAfter: admission.retryAfterSeconds });
  passage.region = claimed.region;
  passage.limits = admission.limits;
  passage.recorded = recordedOf(claimed, admission.facts);
  if (admission.kind === "limited") throw limited(admission);
  return { principal: principalOf(claimed, admission.facts), usage: admission.usage };
}

function limited(admission: Extract<Admission, { kind: "limited" }>): AppError {
  return new AppError("rate_limited", {
    detail: "The quota of this credential is used up for now.",
    retryAfter: admission.retryAfterSeconds,
    members: { "violated-policies": admission.violated },
  });
}

function recordedOf(claimed: Claimed, { type, id, customer_id }: GateFacts): Recorded {
  const user = type === "user";
  return {
    region: claimed.region,
    customerId: customer_id,
    userId: user ? id : null,
    apiKeyId: user ? null : id,
    sessionId: claimed.session?.id ?? null,
    detail: null,
  };
}

function principalOf(claimed: Claimed, facts: GateFacts): Principal {
  if (facts.type === "api_key") return { ...facts, region: claimed.region };
  return { ...facts, region: claimed.region, session_id: claimed.session?.id ?? "" };
}
