import { and, eq, inArray } from "drizzle-orm";
import { AppError } from "../../../schema/errors.ts";
import type { Principal } from "../../../schema/principal.ts";
import type { Region } from "../../../schema/regions.ts";
import { apiKeys } from "../../../schema/tables/region/api-keys.ts";
import { users } from "../../../schema/tables/region/users.ts";
import type { Transaction } from "../database.ts";

type User = typeof users.$inferSelect;

/**
 * Holds an acting principal's own row for the transaction, so that what it does and its being disabled, demoted or revoked come
 * one after the other. 401 if it is over, 403 if its role is another now. One of another region cannot be held: its Gate's word
 * has to do.
 */
export async function lockStanding(tx: Transaction, principal: Principal, region: Region): Promise<void> {
  await lockStandingAnd(tx, principal, region, null);
}

/**
 * The same, and holds and returns a user to be changed; null if there is none. Both rows are locked in the order of their ids:
 * two owners who delete each other neither deadlock nor both succeed.
 */
export async function lockStandingAnd(
  tx: Transaction,
  principal: Principal,
  region: Region,
  targetId: string | null,
): Promise<User | null> {
  const ids = [principal.id, ...(targetId === null ? [] : [targetId])];
  const rows = await tx
    .select()
    .from(users)
    .where(and(eq(users.customerId, principal.customer_id), inArray(users.id, ids)))
    .orderBy(users.id)
    .for("update");
  if (principal.type === "api_key") await lockKey(tx, principal);
  else if (principal.region === region) {
    const self = rows.find((row) => row.id === principal.id);
    if (self?.status !== "active") throw new AppError("unauthorized");
    if (self.role !== principal.role) throw new AppError("forbidden", { detail: "Your role has just been changed." });
  }
  return rows.find((row) => row.id === targetId) ?? null;
}

async function lockKey(tx: Transaction, principal: Principal): Promise<void> {
  const [key] = await tx
    .select({ revokedAt: apiKeys.revokedAt })
    .from(apiKeys)
    .where(and(eq(apiKeys.customerId, principal.customer_id), eq(apiKeys.id, principal.id)))
    .for("share");
  // None: a key of another region.
  if (key !== undefined && key.revokedAt !== null) throw new AppError("unauthorized");
}
