import { and, desc, lt } from "drizzle-orm";
import type { listWebhookEndpoints } from "../../../../schema/http/webhook-endpoints.ts";
import { webhookEndpoints } from "../../../../schema/tables/region/webhooks.ts";
import { pageOfRows, readCursor } from "../../../serve/page.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { settingsOf } from "../../settings.ts";
import { ownEndpoints } from "../../webhook-endpoints/find.ts";
import { presentEndpoint } from "../../webhook-endpoints/present.ts";

/** Lists the customer's endpoints of this region, newest first. */
export const handleListWebhookEndpoints: Handler<typeof listWebhookEndpoints, RegionEnv> = async (
  { query },
  served,
  env,
) => {
  const { customer_id: customerId } = principalOf(served);
  const after = readCursor(query.cursor);
  const older = after === null ? undefined : lt(webhookEndpoints.id, after);
  const rows = await asCustomer(env, customerId, served.invocation, (tx) =>
    tx
      .select()
      .from(webhookEndpoints)
      .where(and(ownEndpoints(settingsOf(env), customerId), older))
      .orderBy(desc(webhookEndpoints.id))
      .limit(query.limit + 1),
  );
  return { status: 200, body: pageOfRows(rows, query.limit, (row) => row.id, presentEndpoint) };
};
