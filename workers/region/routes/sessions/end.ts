import { and, eq, gt, inArray, ne, type SQL } from "drizzle-orm";
import type { UserPrincipal } from "../../../../schema/principal.ts";
import { sessions } from "../../../../schema/tables/region/users.ts";
import type { Transaction } from "../../database.ts";

/** Which of a user's sessions to end: one by id, or all, or all but one. */
export type EndedSessions = { readonly only: string } | { readonly except: string | null };

/**
 * Ends sessions of a user in Postgres and returns their ids, for the Gate. Those that had ended before are among them, so that a
 * repeated request tells the Gate again.
 */
export async function endSessions(
  tx: Transaction,
  user: Pick<UserPrincipal, "customer_id" | "id">,
  which: EndedSessions,
): Promise<string[]> {
  const own = and(eq(sessions.customerId, user.customer_id), eq(sessions.userId, user.id));
  const chosen = choose(which);
  const unexpired = gt(sessions.expiresAt, new Date());
  const rows = await tx
    .select({ id: sessions.id, endedAt: sessions.endedAt })
    .from(sessions)
    .where(and(own, unexpired, chosen));
  const open = rows.filter((row) => row.endedAt === null).map((row) => row.id);
  if (open.length > 0) {
    await tx
      .update(sessions)
      .set({ endedAt: new Date() })
      .where(and(own, inArray(sessions.id, open)));
  }
  return rows.map((row) => row.id);
}

function choose(which: EndedSessions): SQL | undefined {
  if ("only" in which) return eq(sessions.id, which.only);
  return which.except === null ? undefined : ne(sessions.id, which.except);
}
