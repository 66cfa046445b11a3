import { AppError } from "../../../../schema/errors.ts";
import type { testWebhookEndpoint } from "../../../../schema/http/webhook-endpoints.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { acceptEvent } from "../../events/accept.ts";
import { settingsOf } from "../../settings.ts";
import { lockEndpoint } from "../../webhook-endpoints/find.ts";

/** Sends an event of the platform's own to one endpoint; 409 for a disabled one. */
export const handleTestWebhookEndpoint: Handler<typeof testWebhookEndpoint, RegionEnv> = async (
  { params },
  served,
  env,
) => {
  const principal = principalOf(served);
  const settings = settingsOf(env);
  const endpoint = await asCustomer(env, principal.customer_id, served.invocation, (tx) =>
    lockEndpoint(tx, settings, principal.customer_id, params.id),
  );
  if (endpoint.status === "disabled") throw new AppError("conflict", { detail: "The endpoint is disabled." });
  const data = JSON.stringify({ endpoint_id: params.id, message: "A test of this endpoint." });
  const emission = { type: "webhook_endpoint.test", userId: null, data, to: { only: params.id } };
  const { id, type, createdAt, deliveryIds, repeated } = await acceptEvent(principal, emission, served, env);
  const [deliveryId] = deliveryIds;
  if (deliveryId === undefined)
    throw new AppError("conflict", { detail: "The endpoint has just been disabled or deleted." });
  return {
    status: 202,
    body: { id, type, created_at: createdAt.toISOString(), region: settings.region, delivery_id: deliveryId },
    created: id,
    ...(repeated && { headers: { "idempotent-replayed": "true" } }),
  };
};
