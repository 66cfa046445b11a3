import type { z } from "zod";
import type { apiKeySchema } from "../../../schema/http/api-keys.ts";
import type { Region } from "../../../schema/regions.ts";
import type { apiKeys } from "../../../schema/tables/region/api-keys.ts";

/** An API key's row as the contract has it: nothing of its secret. */
export function presentApiKey(row: typeof apiKeys.$inferSelect, region: Region): z.output<typeof apiKeySchema> {
  return {
    id: row.id,
    name: row.name,
    tier: row.tier,
    scopes: row.scopes,
    region,
    created_by: row.createdBy,
    created_at: row.createdAt.toISOString(),
    expires_at: row.expiresAt?.toISOString() ?? null,
    revoked_at: row.revokedAt?.toISOString() ?? null,
  };
}
