import type { Principal } from "../../../../schema/principal.ts";
import type { Region } from "../../../../schema/regions.ts";
import type { users } from "../../../../schema/tables/region/users.ts";
import { presentUser } from "../../users/present.ts";

/** Who the caller is; with the user's row if it is one. */
export function presentMe(principal: Principal, region: Region, user: typeof users.$inferSelect | null) {
  const { type, id, customer_id, tier } = principal;
  return { principal: { type, id }, customer_id, region, tier, ...(user && { user: presentUser(user, region) }) };
}
