import { AppError } from "../../../../schema/errors.ts";
import type { getDelivery } from "../../../../schema/http/deliveries.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomerSql } from "../../database.ts";
import { findDeliveries, presentDelivery } from "../../deliveries/read.ts";
import { settingsOf } from "../../settings.ts";

/** One delivery of the customer, with every try. */
export const handleGetDelivery: Handler<typeof getDelivery, RegionEnv> = async ({ params }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  const [row] = await asCustomerSql(env, customerId, served.invocation, (sql) =>
    findDeliveries(sql, { customerId, id: params.id, limit: 1 }),
  );
  if (row === undefined) throw new AppError("not_found");
  return { status: 200, body: presentDelivery(row, settingsOf(env).region) };
};
