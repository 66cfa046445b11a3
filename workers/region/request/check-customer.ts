import type { Customer } from "../../../schema/config.ts";
import { AppError } from "../../../schema/errors.ts";
import type { ClaimedCaller } from "../../../schema/forwarded.ts";

/**
 * The customer of a caller who may be served. Throws `unauthorized` (401) for a customer that does not exist,
 * `customer_suspended` (403), and under the travel policy `reauthenticate` `reauthentication_required` (401) for a session that is
 * used in another country than the one it was started in. `country`: where the request came from, null when unknown.
 */
export function checkCustomer(customer: Customer | null, caller: ClaimedCaller, country: string | null): Customer {
  if (customer === null) throw new AppError("unauthorized");
  if (customer.status !== "active") throw new AppError("customer_suspended");
  const mayTravel = caller.kind !== "session" || customer.travel_policy !== "reauthenticate";
  if (!mayTravel && caller.country !== country) throw new AppError("reauthentication_required");
  return customer;
}
