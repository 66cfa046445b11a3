import type { GateFacts, LimitState } from "../../schema/admission.ts";
import type { Limited } from "./limited.ts";

/** The decision about one request, as a Worker sees it. */
export type Admission =
  | {
      readonly kind: "admitted";
      readonly facts: GateFacts;
      readonly limits: readonly LimitState[];
      readonly usage: number;
    }
  | ({ readonly kind: "limited"; readonly facts: GateFacts } & Limited)
  | { readonly kind: "refused" }
  | { readonly kind: "unavailable"; readonly retryAfterSeconds: number };
