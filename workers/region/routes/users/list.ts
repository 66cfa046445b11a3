import { and, desc, eq, isNull, lt } from "drizzle-orm";
import type { listUsers } from "../../../../schema/http/users.ts";
import { users } from "../../../../schema/tables/region/users.ts";
import { pageOfRows, readCursor } from "../../../serve/page.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { settingsOf } from "../../settings.ts";
import { presentManagedUser } from "../../users/present.ts";

/** Lists the customer's users of this region, newest first. The edge goes through the regions. */
export const handleListUsers: Handler<typeof listUsers, RegionEnv> = async ({ query }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  const after = readCursor(query.cursor);
  const rows = await asCustomer(env, customerId, served.invocation, (tx) =>
    tx
      .select()
      .from(users)
      .where(
        and(
          eq(users.customerId, customerId),
          isNull(users.deletedAt),
          after === null ? undefined : lt(users.id, after),
        ),
      )
      .orderBy(desc(users.id))
      .limit(query.limit + 1),
  );
  const { region } = settingsOf(env);
  return {
    status: 200,
    body: pageOfRows(
      rows,
      query.limit,
      (row) => row.id,
      (row) => presentManagedUser(row, region),
    ),
  };
};
