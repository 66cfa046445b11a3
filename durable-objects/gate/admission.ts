import type { GateFacts, LimitState } from "../../schema/admission.ts";

/** The decision about one request, as the edge sees it. */
export type Admission =
  | {
      readonly kind: "admitted";
      readonly facts: GateFacts;
      readonly limits: readonly LimitState[];
      readonly usage: number;
    }
  | {
      readonly kind: "limited";
      readonly facts: GateFacts;
      readonly limits: readonly LimitState[];
      readonly violated: readonly string[];
      readonly retryAfterSeconds: number;
    }
  | { readonly kind: "refused" }
  | { readonly kind: "unavailable"; readonly retryAfterSeconds: number };
