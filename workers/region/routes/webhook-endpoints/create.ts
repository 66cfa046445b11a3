import { AppError } from "../../../../schema/errors.ts";
import type { createWebhookEndpoint } from "../../../../schema/http/webhook-endpoints.ts";
import { newId } from "../../../../schema/ids.ts";
import { webhookEndpoints, webhookSecrets } from "../../../../schema/tables/region/webhooks.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { lockStanding } from "../../principals/lock-standing.ts";
import { settingsOf } from "../../settings.ts";
import { checkEndpoint, recordOptIn, tellOtherRegions } from "../../webhook-endpoints/check.ts";
import { ownEndpoints } from "../../webhook-endpoints/find.ts";
import { presentEndpoint } from "../../webhook-endpoints/present.ts";
import { newSecret, presentSecret, sealSecret } from "../../webhooks/secrets.ts";

/** Endpoints that a customer may have in a region: each event looks at all of them. */
const maximumEndpoints = 100;

/** Makes an endpoint with its first secret. 409 when the customer has as many as it may. */
export const handleCreateWebhookEndpoint: Handler<typeof createWebhookEndpoint, RegionEnv> = async (
  { body },
  served,
  env,
) => {
  const principal = principalOf(served);
  const { customer_id: customerId } = principal;
  const settings = settingsOf(env);
  await checkEndpoint(body, customerId, env);
  const id = newId("webhookEndpoint");
  const now = new Date();
  const keys = await newSecret(body.signing);
  const sealed = await sealSecret(settings.dataKeys, { customerId, endpointId: id, number: 1 }, keys);
  if (body.cross_region !== null) await recordOptIn(customerId, id, body.cross_region.legal_basis, served, env);
  const row = await asCustomer(env, customerId, served.invocation, async (tx) => {
    await lockStanding(tx, principal, settings.region);
    if ((await tx.$count(webhookEndpoints, ownEndpoints(settings, customerId))) >= maximumEndpoints)
      throw new AppError("conflict", { detail: `A customer may have ${maximumEndpoints} endpoints in a region.` });
    const crossRegion = body.cross_region && { ...body.cross_region, opted_in_at: now.toISOString() };
    const [made] = await tx
      .insert(webhookEndpoints)
      .values({
        customerId,
        id,
        homeRegion: settings.region,
        url: body.url,
        eventTypes: body.event_types,
        description: body.description,
        status: "enabled",
        ordering: body.ordering,
        ratePerSecond: body.rate_per_second,
        signing: body.signing,
        publicKeyId: body.public_key_id,
        crossRegion,
        version: 1,
        // Before anybody is told: so that taking it back is told too, whatever happens in between.
        publishedVersion: crossRegion === null ? null : 0,
        createdAt: now,
        updatedAt: now,
      })
      .returning();
    if (made === undefined) throw new Error("an insert returned no row");
    await tx.insert(webhookSecrets).values({ customerId, endpointId: id, number: 1, sealed, createdAt: now });
    return made;
  });
  if (row.crossRegion !== null) await tellOtherRegions(id, served, env);
  return { status: 201, body: { ...presentEndpoint(row), ...presentSecret(keys) }, created: id };
};
