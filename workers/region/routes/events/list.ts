import type { listEvents } from "../../../../schema/http/events.ts";
import { pageOfRows, readCursor } from "../../../serve/page.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomerSql } from "../../database.ts";
import { findEvents, presentEvent } from "../../events/read.ts";
import { settingsOf } from "../../settings.ts";

/** Lists the customer's events of this region, newest first. */
export const handleListEvents: Handler<typeof listEvents, RegionEnv> = async ({ query }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  const after = readCursor(query.cursor);
  const filter = { customerId, type: query.type, userId: query.user_id, after, limit: query.limit + 1 };
  const rows = await asCustomerSql(env, customerId, served.invocation, (sql) => findEvents(sql, filter));
  const { region } = settingsOf(env);
  const page = pageOfRows(
    rows,
    query.limit,
    (row) => row.id,
    (row) => presentEvent(row, region),
  );
  return { status: 200, body: page };
};
