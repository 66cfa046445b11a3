import { inArray, sql } from "drizzle-orm";
import type { Customer } from "../../../../schema/config.ts";
import { AppError } from "../../../../schema/errors.ts";
import { publicUrlFault, type PublicUrlRules } from "../../../../schema/public-url.ts";
import { tiers } from "../../../../schema/tables/global/configuration.ts";
import { loginDirectory } from "../../../../schema/tables/global/login-directory.ts";
import type { Database } from "../../../serve/drizzle.ts";
import { invalid } from "../../../serve/validate.ts";

/** What of a customer hangs together, and so is checked as a whole. */
type Checked = Pick<Customer, "tier" | "key_tiers" | "allowed_regions" | "default_region" | "upstreams">;

/** What upstreams must keep to: an API of the customer's own may have any port, and is never this platform. */
export function upstreamRules(env: GlobalEnv): PublicUrlRules {
  return { local: env.DOMICILE_ENV === "local", ports: null, query: false, ownHosts: [new URL(env.ISSUER).hostname] };
}

/** Refuses (422) a customer whose parts contradict each other or name what is not there. */
export async function checkCustomer(database: Database, customer: Checked, rules: PublicUrlRules): Promise<void> {
  if (!customer.allowed_regions.includes(customer.default_region)) {
    throw invalid("default_region", "must be one of allowed_regions");
  }
  for (const [region, url] of Object.entries(customer.upstreams)) {
    const path = `upstreams.${region}`;
    if (!customer.allowed_regions.some((name) => name === region))
      throw invalid(path, "is of a region that is not allowed");
    const fault = url === undefined ? null : publicUrlFault(url, rules);
    if (fault !== null) throw invalid(path, fault);
  }
  const wanted = [...new Set([customer.tier, ...customer.key_tiers])];
  const found = await database.select({ name: tiers.name }).from(tiers).where(inArray(tiers.name, wanted));
  const known = new Set(found.map((row) => row.name));
  if (!known.has(customer.tier)) throw invalid("tier", "is not a tier");
  if (!customer.key_tiers.every((name) => known.has(name))) throw invalid("key_tiers", "names what is not a tier");
}

/** Refuses (409) to take a region away from a customer that has users there. */
export async function checkRegionsUnused(database: Database, id: string, lost: readonly string[]): Promise<void> {
  if (lost.length === 0) return;
  const [row] = await database
    .select({ count: sql<number>`count(*)::int` })
    .from(loginDirectory)
    .where(
      sql`${loginDirectory.customerId} = ${id} and ${inArray(loginDirectory.region, lost as Customer["allowed_regions"])}`,
    );
  if ((row?.count ?? 0) > 0)
    throw new AppError("conflict", { detail: "The customer still has users in a region to be removed." });
}
