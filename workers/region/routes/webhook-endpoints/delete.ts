import { and, eq } from "drizzle-orm";
import type { deleteWebhookEndpoint } from "../../../../schema/http/webhook-endpoints.ts";
import { webhookEndpoints, webhookSecrets } from "../../../../schema/tables/region/webhooks.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { settingsOf } from "../../settings.ts";
import { tellOtherRegions } from "../../webhook-endpoints/check.ts";
import { lockEndpoint } from "../../webhook-endpoints/find.ts";

/** Deletes an endpoint and its secrets. What waits for it is parked for good by its Courier. */
export const handleDeleteWebhookEndpoint: Handler<typeof deleteWebhookEndpoint, RegionEnv> = async (
  { params },
  served,
  env,
) => {
  const { customer_id: customerId } = principalOf(served);
  const told = await asCustomer(env, customerId, served.invocation, async (tx) => {
    const before = await lockEndpoint(tx, settingsOf(env), customerId, params.id);
    const now = new Date();
    await tx
      .update(webhookEndpoints)
      .set({ deletedAt: now, updatedAt: now, version: before.version + 1 })
      .where(and(eq(webhookEndpoints.customerId, customerId), eq(webhookEndpoints.id, params.id)));
    await tx
      .delete(webhookSecrets)
      .where(and(eq(webhookSecrets.customerId, customerId), eq(webhookSecrets.endpointId, params.id)));
    return before.crossRegion !== null;
  });
  if (told) await tellOtherRegions(params.id, served, env);
  return { status: 204 };
};
