import type { listDeliveries } from "../../../../schema/http/deliveries.ts";
import { pageOfRows, readCursor } from "../../../serve/page.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomerSql } from "../../database.ts";
import { findDeliveries, presentDelivery } from "../../deliveries/read.ts";
import { settingsOf } from "../../settings.ts";

/** Lists the customer's deliveries of this region, newest first. */
export const handleListDeliveries: Handler<typeof listDeliveries, RegionEnv> = async ({ query }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  const filter = {
    customerId,
    endpointId: query.endpoint_id,
    eventId: query.event_id,
    status: query.status,
    after: readCursor(query.cursor),
    limit: query.limit + 1,
  };
  const rows = await asCustomerSql(env, customerId, served.invocation, (sql) => findDeliveries(sql, filter));
  const { region } = settingsOf(env);
  const page = pageOfRows(
    rows,
    query.limit,
    (row) => row.id,
    (row) => presentDelivery(row, region),
  );
  return { status: 200, body: page };
};
