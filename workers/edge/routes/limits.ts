import type { Admitted } from "../stages/admit.ts";
import type { Passage } from "../stages/passage.ts";

/** `GET /v1/limits`: the caller's buckets after this request. */
export function handleLimits({ limits }: Passage, { principal, usage }: Admitted): Response {
  return Response.json({ tier: principal.tier, policies: limits, usage });
}
