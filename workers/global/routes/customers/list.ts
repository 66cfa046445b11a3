import { desc, lt } from "drizzle-orm";
import type { listCustomers } from "../../../../schema/http/operator.ts";
import { customers } from "../../../../schema/tables/global/configuration.ts";
import { withDatabase } from "../../../serve/database.ts";
import { pageOfRows, readCursor } from "../../../serve/page.ts";
import type { Handler } from "../../../serve/serve.ts";
import { presentCustomer } from "../../present.ts";

/** Lists customers, newest first. */
export const handleListCustomers: Handler<typeof listCustomers, GlobalEnv> = async ({ query }, served, env) => {
  const after = readCursor(query.cursor);
  const rows = await withDatabase(
    env.DB,
    (database) =>
      database
        .select()
        .from(customers)
        .where(after === null ? undefined : lt(customers.id, after))
        .orderBy(desc(customers.id))
        .limit(query.limit + 1),
    served.invocation,
  );
  return { status: 200, body: pageOfRows(rows, query.limit, (row) => row.id, presentCustomer) };
};
