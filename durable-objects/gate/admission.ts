import type { GateFacts, LimitState, Refusal } from "../../schema/admission.ts";
import type { Limited } from "./limited.ts";

/** The decision about one request, as a Worker sees it. */
export type Admission =
  | {
      readonly kind: "admitted";
      readonly facts: GateFacts;
      readonly limits: readonly LimitState[];
      readonly usage: number;
    }
  | ({
      readonly kind: "limited";
      readonly facts: GateFacts;
      /** What another isolate may remember, true as of now; null when the Gate could not be reached. */
      readonly refusal: Refusal | null;
    } & Limited)
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "unavailable"; readonly retryAfterSeconds: number };
