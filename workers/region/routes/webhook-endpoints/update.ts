import { and, eq, sql } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { updateWebhookEndpoint } from "../../../../schema/http/webhook-endpoints.ts";
import type { RouteInput } from "../../../../schema/http/route.ts";
import { deliveries, webhookEndpoints } from "../../../../schema/tables/region/webhooks.ts";
import { defined } from "../../../serve/defined.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomer, type Transaction } from "../../database.ts";
import { lockStanding } from "../../principals/lock-standing.ts";
import { settingsOf } from "../../settings.ts";
import { checkEndpoint, recordOptIn, tellOtherRegions } from "../../webhook-endpoints/check.ts";
import { lockEndpoint, type EndpointRecord } from "../../webhook-endpoints/find.ts";
import { presentEndpoint } from "../../webhook-endpoints/present.ts";
import { handOver } from "../../webhooks/hand-over.ts";

type Change = RouteInput<typeof updateWebhookEndpoint>["body"];

/** Changes an endpoint. An opt-in to events of other regions is in the audit log before it takes effect. */
export const handleUpdateWebhookEndpoint: Handler<typeof updateWebhookEndpoint, RegionEnv> = async (
  { params, body },
  served,
  env,
) => {
  const principal = principalOf(served);
  const { customer_id: customerId } = principal;
  const settings = settingsOf(env);
  await checkEndpoint(body, customerId, env);
  const { row, waiting, told } = await asCustomer(env, customerId, served.invocation, async (tx) => {
    await lockStanding(tx, principal, settings.region);
    const before = await lockEndpoint(tx, settings, customerId, params.id);
    if (body.cross_region) await recordOptIn(customerId, params.id, body.cross_region.legal_basis, served, env);
    const [after] = await tx
      .update(webhookEndpoints)
      .set({ ...changesOf(before, body), version: before.version + 1, updatedAt: new Date() })
      .where(and(eq(webhookEndpoints.customerId, customerId), eq(webhookEndpoints.id, params.id)))
      .returning();
    if (after === undefined) throw new AppError("not_found");
    const enabled = before.status === "disabled" && after.status === "enabled";
    return {
      row: after,
      waiting: enabled || before.ordering !== after.ordering ? await anyWaiting(tx, after) : [],
      told: before.crossRegion !== null || after.crossRegion !== null,
    };
  });
  served.invocation.waitUntil(handOver(env, waiting, 0));
  if (told) await tellOtherRegions(params.id, served, env);
  return { status: 200, body: presentEndpoint(row) };
};

function changesOf(before: EndpointRecord, body: Change): Partial<EndpointRecord> {
  const { cross_region: crossRegion, status } = body;
  return defined({
    url: body.url,
    eventTypes: body.event_types,
    description: body.description,
    ordering: body.ordering,
    ratePerSecond: body.rate_per_second,
    publicKeyId: body.public_key_id,
    crossRegion: crossRegion && { ...crossRegion, opted_in_at: new Date().toISOString() },
    // Before anybody is told: so that taking it back is told too, whatever happens in between.
    ...(crossRegion && { publishedVersion: before.publishedVersion ?? 0 }),
    ...(crossRegion === null && { crossRegion: null }),
    status,
    ...(status === "enabled" && before.status === "disabled" && { disabledReason: null, failingSince: null }),
    ...(status === "disabled" && before.status === "enabled" && { disabledReason: "by_customer" as const }),
  });
}

/** One delivery that is parked or waits at an endpoint, for its Courier to be woken by. What is parked may be taken up at once. */
async function anyWaiting(tx: Transaction, { customerId, id }: EndpointRecord) {
  const parked = and(
    eq(deliveries.customerId, customerId),
    eq(deliveries.endpointId, id),
    sql`${deliveries.status} = 'dead_letter' and ${deliveries.redriveAt} is not null`,
  );
  await tx
    .update(deliveries)
    .set({ redriveAt: sql`now()`, rounds: 0 })
    .where(parked);
  const rows = await tx
    .select({ id: deliveries.id, endpoint_id: deliveries.endpointId })
    .from(deliveries)
    .where(
      and(
        eq(deliveries.customerId, customerId),
        eq(deliveries.endpointId, id),
        sql`${deliveries.status} <> 'delivered'`,
      ),
    )
    .limit(1);
  return rows;
}
