import { z } from "zod";
import type { Customer } from "../../../schema/config.ts";
import { AppError } from "../../../schema/errors.ts";
import { isId } from "../../../schema/ids.ts";
import type { RouteContract } from "../../../schema/http/route.ts";
import type { Principal } from "../../../schema/principal.ts";
import { regionSchema, type Region } from "../../../schema/regions.ts";
import type { Received } from "../../serve/receive.ts";
import { queryOf } from "../../serve/serve.ts";
import { invalid, validate } from "../../serve/validate.ts";

const querySchema = z.object({ region: regionSchema.optional() });

/**
 * The regions that may have what a request is about, in the order in which they are asked; more than one only where an id does not
 * say where it is. 422 for a region that is not the customer's; 503 when the edge could not look a user up.
 */
export function chooseRegions(
  { routing = "home" }: RouteContract,
  params: Readonly<Record<string, string>>,
  received: Received,
  principal: Principal,
  customer: Customer,
): readonly Region[] {
  const { region: home } = principal;
  switch (routing) {
    case "region":
      return [namedRegion(received, home, customer) ?? home];
    case "any": {
      const named = namedRegion(received, home, customer);
      return named === null ? [home, ...customer.allowed_regions.filter((region) => region !== home)] : [named];
    }
    case "user":
      return [isId("user", params["id"] ?? "") ? homeOf(received, principal) : home];
    case "subject":
      return [homeOf(received, principal)];
    default:
      return [home];
  }
}

function namedRegion({ url }: Received, home: Region, customer: Customer): Region | null {
  const { region } = validate(querySchema, queryOf(url));
  if (region !== undefined && region !== home && !customer.allowed_regions.includes(region))
    throw invalid("region", "is not one of the customer's regions");
  return region ?? null;
}

/**
 * Where the user that the request names is at home. Where it names none, or one of another customer, the caller's home is
 * asked: it has no such user either.
 */
function homeOf({ userHomes }: Received, principal: Principal): Region {
  if (userHomes === null) throw new AppError("unavailable");
  const [login] = Object.values(userHomes);
  return login?.customer_id === principal.customer_id ? login.region : principal.region;
}
