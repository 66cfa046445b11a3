import type { Refused } from "../../durable-objects/gate/refusals.ts";
import type { LimitState } from "../../schema/admission.ts";
import { AppError } from "../../schema/errors.ts";

/** What a client is told when a Gate refuses its request, now or as it is remembered. */
export interface GateRefusal {
  /** `unauthorized` (401): the session or key has ended. `rate_limited` (429): its quota is used up; with `violated-policies`. */
  readonly error: AppError;
  readonly limits: readonly LimitState[];
}

/** Presents a Gate's refusal, in a region and at the edge alike. */
export function gateRefusal(refused: Refused): GateRefusal {
  if (refused.kind === "refused") return { error: new AppError("unauthorized"), limits: [] };
  const { limits, violated, retryAfterSeconds } = refused;
  const error = new AppError("rate_limited", {
    detail: "The quota of this credential is used up for now.",
    retryAfter: retryAfterSeconds,
    members: { "violated-policies": violated },
  });
  return { error, limits };
}
