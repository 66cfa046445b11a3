import type { Customer, RegionState, Tier } from "../../schema/config.ts";
import type { customers, regionStates, tiers } from "../../schema/tables/global/configuration.ts";

/** A customer's row as the contract has it. */
export function presentCustomer(row: typeof customers.$inferSelect): Customer {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    tier: row.tier,
    key_tiers: row.keyTiers,
    allowed_regions: row.allowedRegions,
    default_region: row.defaultRegion,
    travel_policy: row.travelPolicy,
    cors_origins: row.corsOrigins,
    upstreams: row.upstreams,
    audit_retention_days: row.auditRetentionDays,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

/** A tier's row as the contract has it. */
export function presentTier(row: typeof tiers.$inferSelect): Tier {
  return { name: row.name, unlimited: row.unlimited, recheck_seconds: row.recheckSeconds, policies: row.policies };
}

/** A region's row as the contract has it. */
export function presentRegion(row: typeof regionStates.$inferSelect): RegionState {
  return { name: row.name, status: row.status, updated_at: row.updatedAt.toISOString() };
}
