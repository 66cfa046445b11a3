import type { listPublicKeys } from "../../../../schema/http/public-keys.ts";
import { pageOfRows, readCursor } from "../../../serve/page.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { presentKeys } from "../../webhooks/present-key.ts";
import { webhookConfig } from "../../webhooks/webhook-config.ts";

/** Lists the customer's public keys, newest first. */
export const handleListPublicKeys: Handler<typeof listPublicKeys, RegionEnv> = async ({ query }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  const after = readCursor(query.cursor);
  const keys = presentKeys(await webhookConfig(env).keys(customerId)).filter(({ id }) => after === null || id < after);
  const page = pageOfRows(
    keys,
    query.limit,
    (key) => key.id,
    (key) => key,
  );
  return { status: 200, body: page };
};
