import { sql } from "drizzle-orm";
import { auditDataKeys } from "../../../schema/tables/region/audit-logs.ts";
import type { Transaction } from "../database.ts";

/**
 * Erases what is personal in the audit records of subjects, for good: destroys their data keys. Records, leaves and proofs stay what they
 * are. A subject without a key is marked too, so that none is made for a record that comes late.
 */
export async function destroyDataKeys(
  tx: Transaction,
  customerId: string,
  subjectIds: readonly string[],
  now: Date,
): Promise<void> {
  const rows = subjectIds.map((subjectId) => ({ customerId, subjectId, createdAt: now, destroyedAt: now }));
  await tx
    .insert(auditDataKeys)
    .values(rows)
    .onConflictDoUpdate({
      target: [auditDataKeys.customerId, auditDataKeys.subjectId],
      set: { wrapped: null, destroyedAt: now },
      setWhere: sql`${auditDataKeys.destroyedAt} is null`,
    });
}
