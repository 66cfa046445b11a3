import { and, desc, eq, gt, isNull, lt } from "drizzle-orm";
import type { listSessions } from "../../../../schema/http/sessions.ts";
import { sessions } from "../../../../schema/tables/region/users.ts";
import { pageOfRows, readCursor } from "../../../serve/page.ts";
import type { Handler } from "../../../serve/serve.ts";
import { userOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { settingsOf } from "../../settings.ts";
import { presentSession } from "./present.ts";

/** Lists the caller's own live sessions, newest first. */
export const handleListSessions: Handler<typeof listSessions, RegionEnv> = async ({ query }, served, env) => {
  const user = userOf(served);
  const { region } = settingsOf(env);
  const after = readCursor(query.cursor);
  const rows = await asCustomer(env, user.customer_id, served.invocation, (tx) =>
    tx
      .select()
      .from(sessions)
      .where(
        and(
          eq(sessions.customerId, user.customer_id),
          eq(sessions.userId, user.id),
          isNull(sessions.endedAt),
          gt(sessions.expiresAt, new Date()),
          after === null ? undefined : lt(sessions.id, after),
        ),
      )
      .orderBy(desc(sessions.id))
      .limit(query.limit + 1),
  );
  const present = (row: typeof sessions.$inferSelect) => ({
    ...presentSession(row, region),
    current: row.id === user.session_id,
  });
  return { status: 200, body: pageOfRows(rows, query.limit, (row) => row.id, present) };
};
