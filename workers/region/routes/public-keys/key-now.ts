import { AppError } from "../../../../schema/errors.ts";
import type { PublicKeyView } from "../../../../schema/http/public-keys.ts";
import { settingsOf } from "../../settings.ts";
import { presentKeys } from "../../webhooks/present-key.ts";
import { webhookConfig } from "../../webhooks/webhook-config.ts";

/** A key as it is now, after a change: this isolate forgets what it remembered of keys. */
export async function keyNow(env: RegionEnv, customerId: string, id: string): Promise<PublicKeyView> {
  settingsOf(env).config.forget();
  const found = presentKeys(await webhookConfig(env).keys(customerId)).find((key) => key.id === id);
  if (found === undefined) throw new AppError("not_found");
  return found;
}
