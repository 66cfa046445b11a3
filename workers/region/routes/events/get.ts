import { AppError } from "../../../../schema/errors.ts";
import type { getEvent } from "../../../../schema/http/events.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomerSql } from "../../database.ts";
import { findEvents, presentEvent } from "../../events/read.ts";
import { settingsOf } from "../../settings.ts";

/** One event of the customer. */
export const handleGetEvent: Handler<typeof getEvent, RegionEnv> = async ({ params }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  const [row] = await asCustomerSql(env, customerId, served.invocation, (sql) =>
    findEvents(sql, { customerId, id: params.id, limit: 1 }),
  );
  if (row === undefined) throw new AppError("not_found");
  return { status: 200, body: presentEvent(row, settingsOf(env).region) };
};
