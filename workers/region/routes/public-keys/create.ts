import { AppError } from "../../../../schema/errors.ts";
import type { createPublicKey } from "../../../../schema/http/public-keys.ts";
import { newId } from "../../../../schema/ids.ts";
import { checkPublicKey } from "../../../../schema/webhooks/public-key.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { invalid } from "../../../serve/validate.ts";
import { keyNow } from "./key-now.ts";
import { webhookConfig } from "../../webhooks/webhook-config.ts";

/** Registers a public key; 422 with the reason for one that is bad or weak, 409 for one that is registered already. */
export const handleCreatePublicKey: Handler<typeof createPublicKey, RegionEnv> = async ({ body }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  const checked = await checkPublicKey(body.jwk);
  if (checked.kind === "refused") throw invalid("jwk", checked.reason);
  const id = newId("publicKey");
  const made = await webhookConfig(env).createKey(customerId, { id, kid: checked.kid, jwk: checked.jwk });
  if (made === "full") throw new AppError("conflict", { detail: "The customer has as many public keys as it may." });
  if (made === "taken") throw new AppError("conflict", { detail: "This key is registered already." });
  return { status: 201, body: await keyNow(env, customerId, id), created: id };
};
