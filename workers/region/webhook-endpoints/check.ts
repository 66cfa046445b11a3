import type { Served } from "../../serve/served.ts";
import { invalid } from "../../serve/validate.ts";
import { publicUrlFault } from "../../../schema/public-url.ts";
import { logFailure } from "../../serve/log-failure.ts";
import { recordFirst } from "../audit/record-first.ts";
import { settingsOf } from "../settings.ts";
import { publishChanges } from "../webhooks/publish.ts";
import { webhookUrlRules } from "../webhooks/url-rules.ts";
import { webhookConfig } from "../webhooks/webhook-config.ts";

/** What of an endpoint is checked against more than its shape. */
interface Checked {
  readonly url?: string | undefined;
  readonly public_key_id?: string | null | undefined;
}

/** Refuses (422) a URL that we may not be made to call, and a public key that the customer does not have. */
export async function checkEndpoint(
  { url, public_key_id }: Checked,
  customerId: string,
  env: RegionEnv,
): Promise<void> {
  const fault = url === undefined ? null : publicUrlFault(url, webhookUrlRules(settingsOf(env)));
  if (fault !== null) throw invalid("url", fault);
  if (public_key_id === null || public_key_id === undefined) return;
  const keys = await webhookConfig(env).keys(customerId);
  if (!keys.some(({ id }) => id === public_key_id))
    throw invalid("public_key_id", "is not a valid public key of the customer");
}

/** Writes into the audit log, before it takes effect, that events of other regions will go to an endpoint, and on what legal basis. */
export async function recordOptIn(
  customerId: string,
  endpointId: string,
  legalBasis: string,
  served: Served,
  env: RegionEnv,
): Promise<void> {
  const resource = { resourceType: "webhook_endpoint", resourceId: endpointId };
  await recordFirst(
    { customerId, action: "webhook_endpoint.cross_region", ...resource, detail: legalBasis },
    served,
    env,
  );
}

/** Tells the other regions of an endpoint that they have, or had, to do with; if that cannot be now, the sweeper does. */
export async function tellOtherRegions(endpointId: string, served: Served, env: RegionEnv): Promise<void> {
  try {
    await publishChanges(env, served.invocation, endpointId);
  } catch (error) {
    logFailure(error, { worker: "region", requestId: served.requestId, operation: "publishEndpoint" });
  }
}
