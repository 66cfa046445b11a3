import { and, eq } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { getWebhookEndpoint } from "../../../../schema/http/webhook-endpoints.ts";
import { webhookEndpoints } from "../../../../schema/tables/region/webhooks.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { settingsOf } from "../../settings.ts";
import { ownEndpoints } from "../../webhook-endpoints/find.ts";
import { presentEndpoint } from "../../webhook-endpoints/present.ts";

/** One endpoint of the customer. */
export const handleGetWebhookEndpoint: Handler<typeof getWebhookEndpoint, RegionEnv> = async (
  { params },
  served,
  env,
) => {
  const { customer_id: customerId } = principalOf(served);
  const [row] = await asCustomer(env, customerId, served.invocation, (tx) =>
    tx
      .select()
      .from(webhookEndpoints)
      .where(and(ownEndpoints(settingsOf(env), customerId), eq(webhookEndpoints.id, params.id))),
  );
  if (row === undefined) throw new AppError("not_found");
  return { status: 200, body: presentEndpoint(row) };
};
