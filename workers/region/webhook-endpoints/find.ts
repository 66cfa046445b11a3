import { and, eq, isNull } from "drizzle-orm";
import { AppError } from "../../../schema/errors.ts";
import { webhookEndpoints } from "../../../schema/tables/region/webhooks.ts";
import type { Transaction } from "../database.ts";
import type { RegionSettings } from "../settings.ts";

/** An endpoint's row. */
export type EndpointRecord = typeof webhookEndpoints.$inferSelect;

/** Endpoints of a customer that are at home in this region: copies of others' are managed where they came from. */
export function ownEndpoints({ region }: RegionSettings, customerId: string) {
  return and(
    eq(webhookEndpoints.customerId, customerId),
    eq(webhookEndpoints.homeRegion, region),
    isNull(webhookEndpoints.deletedAt),
  );
}

/** An endpoint, held for the transaction; 404 if there is none. */
export async function lockEndpoint(
  tx: Transaction,
  settings: RegionSettings,
  customerId: string,
  id: string,
): Promise<EndpointRecord> {
  const own = and(ownEndpoints(settings, customerId), eq(webhookEndpoints.id, id));
  const [row] = await tx.select().from(webhookEndpoints).where(own).for("update");
  if (row === undefined) throw new AppError("not_found");
  return row;
}
