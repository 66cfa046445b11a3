import { AppError } from "../../../../schema/errors.ts";
import type { testWebhookEndpoint } from "../../../../schema/http/webhook-endpoints.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { acceptEvent } from "../../events/accept.ts";
import { requestName } from "../../events/request-name.ts";
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
  const event = {
    type: "webhook_endpoint.test",
    userId: null,
    data,
    request: await requestName(served, served.bodyBytes, settings.hashKey),
    to: { only: params.id },
  };
  const accepted = await acceptEvent(principal.customer_id, event, served, env);
  if (accepted.deliveryId === null) throw new AppError("conflict", { detail: "The endpoint was deleted meanwhile." });
  return {
    status: 202,
    body: {
      id: accepted.id,
      type: event.type,
      created_at: new Date(accepted.createdAt).toISOString(),
      region: settings.region,
      delivery_id: accepted.deliveryId,
    },
    created: accepted.id,
    ...(accepted.repeated && { headers: { "idempotent-replayed": "true" } }),
  };
};
