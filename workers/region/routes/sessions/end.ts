import { and, eq, gt, ne, sql, type SQL } from "drizzle-orm";
import type { UserPrincipal } from "../../../../schema/principal.ts";
import { sessions } from "../../../../schema/tables/region/users.ts";
import type { Transaction } from "../../database.ts";

/** Which of a user's sessions to end: one by id, or all, or all but one. */
export type EndedSessions = { readonly only: string } | { readonly except: string | null };

/**
 * Builds the statement that ends sessions of a user in Postgres and returns their ids, for the Gate. Those that had ended before are among
 * them, so that a repeated request notifies the Gate again.
 */
export function endSessions(tx: Transaction, user: Pick<UserPrincipal, "customer_id" | "id">, which: EndedSessions) {
  const now = new Date();
  const own = and(eq(sessions.customerId, user.customer_id), eq(sessions.userId, user.id));
  return tx
    .update(sessions)
    .set({ endedAt: sql`coalesce(${sessions.endedAt}, ${now.toISOString()}::timestamptz)` })
    .where(and(own, gt(sessions.expiresAt, now), choose(which)))
    .returning({ id: sessions.id });
}

function choose(which: EndedSessions): SQL | undefined {
  if ("only" in which) return eq(sessions.id, which.only);
  return which.except === null ? undefined : ne(sessions.id, which.except);
}
