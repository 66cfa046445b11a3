import { AppError } from "../../../../schema/errors.ts";
import type { destroyCustomerDataKeys } from "../../../../schema/http/operations.ts";
import type { Handler } from "../../../serve/serve.ts";
import { asCustomerSql } from "../../database.ts";
import { settingsOf } from "../../settings.ts";

/** Destroys the data keys of a customer in this region: its payloads are gone, and what waits to be delivered is parked as erased. */
export const handleDestroyCustomerDataKeys: Handler<typeof destroyCustomerDataKeys, RegionEnv> = async (
  { params },
  served,
  env,
) => {
  const { config } = settingsOf(env);
  if ((await config.customer(params.id, served.invocation.waitUntil)) === null) throw new AppError("not_found");
  await asCustomerSql(
    env,
    params.id,
    served.invocation,
    (sql) => sql`update customer_data_keys set wrapped = null, destroyed_at = now()
      where customer_id = ${params.id} and destroyed_at is null`,
  );
  return { status: 204 };
};
