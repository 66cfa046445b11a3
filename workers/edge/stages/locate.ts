import type { Customer } from "../../../schema/config.ts";
import { AppError } from "../../../schema/errors.ts";
import type { Region } from "../../../schema/regions.ts";
import type { Claimed } from "./authenticate.ts";
import type { Passage } from "./passage.ts";

/** Seconds after which the users of a closed region may ask again. */
const closedRetrySeconds = 30;

/** Refuses (503) what belongs to a closed region. There is no other region to go to. */
export async function refuseClosed({ edge, waitUntil }: Passage, region: Region): Promise<void> {
  if ((await edge.config.regionStatus(region, waitUntil)) === "closed") {
    throw new AppError("region_closed", { retryAfter: closedRetrySeconds });
  }
}

/** The customer of a principal; `unauthorized` if there is none any more, `customer_suspended` (403) if it may not be served. */
export async function activeCustomer({ edge, waitUntil }: Passage, customerId: string): Promise<Customer> {
  const customer = await edge.config.customer(customerId, waitUntil);
  if (customer === null) throw new AppError("unauthorized");
  if (customer.status !== "active") throw new AppError("customer_suspended");
  return customer;
}

/** Under the travel policy `reauthenticate`, a session works in the country it was begun in (401 with a code of its own). */
export function refuseTravel(customer: Customer, claimed: Claimed, country: string | null): void {
  if (claimed.session === null || customer.travel_policy !== "reauthenticate") return;
  if (claimed.session.country !== country) throw new AppError("reauthentication_required");
}
