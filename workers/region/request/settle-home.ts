import type { Customer } from "../../../schema/config.ts";
import { newUserSchema } from "../../../schema/http/users.ts";
import { regionForPlace, type Region } from "../../../schema/regions.ts";
import { readJson } from "../../serve/read-body.ts";
import { invalid, validate } from "../../serve/validate.ts";

/**
 * The home of a new user, by the body of the request, else by where the request came from. 422 for a region that the customer may
 * not use. Returns the body too, which is read by then.
 */
export async function settleHome(
  request: Request,
  country: string | null,
  customer: Customer,
): Promise<{ readonly region: Region; readonly body: Uint8Array }> {
  const { value, bytes } = await readJson(request);
  const { region: wanted } = validate(newUserSchema, value);
  const { allowed_regions: allowed, default_region: fallback } = customer;
  const region = wanted ?? regionForPlace({ country }, allowed, fallback);
  if (!allowed.includes(region)) throw invalid("region", "is not one of the customer's regions");
  return { region, body: bytes };
}
