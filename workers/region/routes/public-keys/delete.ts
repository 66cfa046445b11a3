import { AppError } from "../../../../schema/errors.ts";
import type { deletePublicKey } from "../../../../schema/http/public-keys.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { settingsOf } from "../../settings.ts";
import { webhookConfig } from "../../webhooks/webhook-config.ts";

/** Revokes a key. Other isolates notice when their copy ages, within five minutes. */
export const handleDeletePublicKey: Handler<typeof deletePublicKey, RegionEnv> = async ({ params }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  if ((await webhookConfig(env).revokeKey(customerId, params.id)) === "missing") throw new AppError("not_found");
  settingsOf(env).config.forget();
  return { status: 204 };
};
