import type { LimitState, Refusal } from "../../../schema/admission.ts";
import type { Customer } from "../../../schema/config.ts";
import type { ClaimedCaller } from "../../../schema/forwarded.ts";
import type { Principal } from "../../../schema/principal.ts";
import { callerSubject, type Subject } from "../../serve/audit-entry.ts";
import type { Received } from "../../serve/receive.ts";
import type { Quota } from "../../serve/served.ts";
import { settingsOf } from "../settings.ts";
import { admit, type Admitted } from "./admit.ts";
import { checkCustomer } from "./check-customer.ts";
import { configurationOf, refuseClosed, type Configuration } from "./configuration.ts";

/** A caller whom the Gate admitted and whose customer may be served. */
export interface Entered {
  readonly principal: Principal;
  readonly customer: Customer;
  readonly configuration: Configuration;
  readonly quota: Quota;
}

/** What was found out about a caller, and whether the request may go on. */
export interface Entrance {
  /** Whose log the request is recorded in; null while that is not known. */
  readonly subject: Subject | null;
  readonly limits: readonly LimitState[];
  /** The Gate's refusal, for the edge to remember; null without one. */
  readonly refusal: Refusal | null;
  /** The customer, for CORS; null while it is not known. */
  readonly customer: Customer | null;
  readonly result:
    | { readonly kind: "entered"; readonly entered: Entered }
    | { readonly kind: "refused"; readonly error: unknown };
}

type WaitUntil = (promise: Promise<unknown>) => void;

/**
 * Admits a caller at its Gate and checks its customer. In this order a request is refused: region closed (503), session or key ended
 * (401), quota used up (429), customer suspended (403) or travelling (401). Never rejects.
 */
export async function enter(
  received: Received,
  caller: ClaimedCaller,
  env: RegionEnv,
  waitUntil: WaitUntil,
): Promise<Entrance> {
  // A session token names its customer, so both questions are asked at once.
  const early = caller.kind === "session" ? found(configurationOf(caller.customer_id, env, waitUntil)) : null;
  const admitted = await admit(caller, env, waitUntil);
  const subject = callerSubject(caller, admitted.customerId);
  const limits = admitted.kind === "admitted" ? admitted.quota.limits : admitted.limits;
  const configured = await (early ?? (subject && found(configurationOf(subject.customerId, env, waitUntil))));
  const refusal = admitted.kind === "refused" ? admitted.refusal : null;
  const known = { subject, limits, refusal, customer: configured?.kind === "found" ? configured.value.customer : null };
  if (configured?.kind === "failed") return { ...known, result: { kind: "refused", error: configured.error } };
  try {
    return {
      ...known,
      result: { kind: "entered", entered: check(received, caller, admitted, configured?.value, env) },
    };
  } catch (error) {
    return { ...known, result: { kind: "refused", error } };
  }
}

function check(
  { country }: Received,
  caller: ClaimedCaller,
  admitted: Admitted,
  configuration: Configuration | undefined,
  env: RegionEnv,
): Entered {
  if (configuration !== undefined) refuseClosed(configuration, settingsOf(env).region);
  if (admitted.kind === "refused" || configuration === undefined)
    throw admitted.kind === "refused" ? admitted.error : new Error("an admitted caller has no customer");
  const customer = checkCustomer(configuration.customer, caller, country);
  return { principal: admitted.principal, customer, configuration, quota: admitted.quota };
}

type Found<T> = { readonly kind: "found"; readonly value: T } | { readonly kind: "failed"; readonly error: unknown };

/** The outcome of a promise that is awaited later: its rejection must not count as unhandled until then. */
function found<T>(promise: Promise<T>): Promise<Found<T>> {
  return promise.then(
    (value) => ({ kind: "found", value }),
    (error: unknown) => ({ kind: "failed", error }),
  );
}
