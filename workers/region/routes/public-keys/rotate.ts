import { AppError } from "../../../../schema/errors.ts";
import type { rotatePublicKey } from "../../../../schema/http/public-keys.ts";
import { checkPublicKey } from "../../../../schema/webhooks/public-key.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { invalid } from "../../../serve/validate.ts";
import { keyNow } from "./key-now.ts";
import { webhookConfig } from "../../webhooks/webhook-config.ts";

/** Makes a new version of a key; the old one is valid until the grace ends. */
export const handleRotatePublicKey: Handler<typeof rotatePublicKey, RegionEnv> = async (
  { params, body },
  served,
  env,
) => {
  const { customer_id: customerId } = principalOf(served);
  const checked = await checkPublicKey(body.jwk);
  if (checked.kind === "refused") throw invalid("jwk", checked.reason);
  const key = { id: params.id, kid: checked.kid, jwk: checked.jwk };
  const rotated = await webhookConfig(env).rotateKey(customerId, key, body.grace_seconds);
  if (rotated === "missing") throw new AppError("not_found");
  if (rotated === "full")
    throw new AppError("conflict", { detail: "Too many versions are valid. Wait for the end of a grace." });
  if (rotated === "taken")
    throw new AppError("conflict", { detail: "This key is registered already, or was rotated just now." });
  return { status: 201, body: await keyNow(env, customerId, params.id) };
};
