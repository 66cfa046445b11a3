import { and, desc, eq, gt, isNull, or, sql } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { revealWebhookSecret, rotateWebhookSecret } from "../../../../schema/http/webhook-endpoints.ts";
import { webhookEndpoints, webhookSecrets } from "../../../../schema/tables/region/webhooks.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { recordFirst } from "../../audit/record-first.ts";
import { asCustomer } from "../../database.ts";
import { payForDisclosure } from "../../disclosure/limit.ts";
import { lockStanding } from "../../principals/lock-standing.ts";
import { settingsOf } from "../../settings.ts";
import { tellOtherRegions } from "../../webhook-endpoints/check.ts";
import { lockEndpoint } from "../../webhook-endpoints/find.ts";
import { newSecret, openSecret, presentSecret, sealSecret } from "../../webhooks/secrets.ts";

/** Secrets that may be valid at once: each makes the signature header longer. */
const maximumSecrets = 5;

function validSecrets(customerId: string, endpointId: string) {
  return and(
    eq(webhookSecrets.customerId, customerId),
    eq(webhookSecrets.endpointId, endpointId),
    or(isNull(webhookSecrets.expiresAt), gt(webhookSecrets.expiresAt, sql`now()`)),
  );
}

/** Makes a new secret; those that are valid stay so until the overlap ends, if they do not end before. */
export const handleRotateWebhookSecret: Handler<typeof rotateWebhookSecret, RegionEnv> = async (
  { params, body },
  served,
  env,
) => {
  const principal = principalOf(served);
  const { customer_id: customerId } = principal;
  const settings = settingsOf(env);
  const now = new Date();
  const { keys, told } = await asCustomer(env, customerId, served.invocation, async (tx) => {
    await lockStanding(tx, principal, settings.region);
    const endpoint = await lockEndpoint(tx, settings, customerId, params.id);
    const valid = await tx
      .select({ number: webhookSecrets.number })
      .from(webhookSecrets)
      .where(validSecrets(customerId, params.id))
      .orderBy(desc(webhookSecrets.number));
    if (valid.length >= maximumSecrets && body.overlap_seconds > 0)
      throw new AppError("conflict", {
        detail: `An endpoint may have ${maximumSecrets} valid secrets. Rotate with an overlap of 0 to end them.`,
      });
    const end = new Date(now.getTime() + body.overlap_seconds * 1000);
    await tx
      .update(webhookSecrets)
      .set({
        expiresAt: sql`least(coalesce(${webhookSecrets.expiresAt}, 'infinity'), ${end.toISOString()}::timestamptz)`,
      })
      .where(validSecrets(customerId, params.id));
    const number = (await lastNumber(tx, customerId, params.id)) + 1;
    const made = await newSecret(endpoint.signing);
    const sealed = await sealSecret(settings.dataKeys, { customerId, endpointId: params.id, number }, made);
    await tx.insert(webhookSecrets).values({ customerId, endpointId: params.id, number, sealed, createdAt: now });
    await tx
      .update(webhookEndpoints)
      .set({ version: endpoint.version + 1, updatedAt: now })
      .where(and(eq(webhookEndpoints.customerId, customerId), eq(webhookEndpoints.id, params.id)));
    return { keys: made, told: endpoint.crossRegion !== null };
  });
  if (told) await tellOtherRegions(params.id, served, env);
  return { status: 201, body: { ...presentSecret(keys), created_at: now.toISOString(), expires_at: null } };
};

/** Shows the valid secrets, on the record: the audit record stands before they are opened. */
export const handleRevealWebhookSecret: Handler<typeof revealWebhookSecret, RegionEnv> = async (
  { params, body },
  served,
  env,
) => {
  const { customer_id: customerId } = principalOf(served);
  const settings = settingsOf(env);
  const rows = await asCustomer(env, customerId, served.invocation, async (tx) => {
    await lockEndpoint(tx, settings, customerId, params.id);
    return tx
      .select()
      .from(webhookSecrets)
      .where(validSecrets(customerId, params.id))
      .orderBy(desc(webhookSecrets.number));
  });
  await payForDisclosure(served, env);
  const resource = { resourceType: "webhook_endpoint", resourceId: params.id };
  const intent = { customerId, action: "webhook_endpoint.secret.reveal", ...resource, detail: body.reason };
  const recorded = await recordFirst(intent, served, env);
  const data = await Promise.all(
    rows.map(async ({ number, sealed, createdAt, expiresAt }) =>
      Object.assign(
        presentSecret(await openSecret(settings.dataKeys, { customerId, endpointId: params.id, number }, sealed)),
        {
          created_at: createdAt.toISOString(),
          expires_at: expiresAt?.toISOString() ?? null,
        },
      ),
    ),
  );
  return { status: 200, body: { data }, ...(recorded !== null && { recorded }) };
};

async function lastNumber(
  tx: Parameters<typeof lockEndpoint>[0],
  customerId: string,
  endpointId: string,
): Promise<number> {
  const [last] = await tx
    .select({ number: webhookSecrets.number })
    .from(webhookSecrets)
    .where(and(eq(webhookSecrets.customerId, customerId), eq(webhookSecrets.endpointId, endpointId)))
    .orderBy(desc(webhookSecrets.number))
    .limit(1);
  return last?.number ?? 0;
}
