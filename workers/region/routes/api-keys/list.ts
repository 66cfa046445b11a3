import { and, desc, eq, lt } from "drizzle-orm";
import type { listApiKeys } from "../../../../schema/http/api-keys.ts";
import { apiKeys } from "../../../../schema/tables/region/api-keys.ts";
import { pageOfRows, readCursor } from "../../../serve/page.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { presentApiKey } from "../../api-keys/present.ts";
import { asCustomer } from "../../database.ts";
import { settingsOf } from "../../settings.ts";

/** Lists the customer's keys of this region, newest first; revoked ones too. */
export const handleListApiKeys: Handler<typeof listApiKeys, RegionEnv> = async ({ query }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  const { region } = settingsOf(env);
  const after = readCursor(query.cursor);
  const rows = await asCustomer(env, customerId, served.invocation, (tx) =>
    tx
      .select()
      .from(apiKeys)
      .where(and(eq(apiKeys.customerId, customerId), after === null ? undefined : lt(apiKeys.id, after)))
      .orderBy(desc(apiKeys.id))
      .limit(query.limit + 1),
  );
  return {
    status: 200,
    body: pageOfRows(
      rows,
      query.limit,
      (row) => row.id,
      (row) => presentApiKey(row, region),
    ),
  };
};
