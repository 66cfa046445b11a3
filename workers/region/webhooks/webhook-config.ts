import type { WebhookConfigApi } from "../../../schema/config.ts";
import { AppError } from "../../../schema/errors.ts";

/** What webhooks keep in the global configuration; 503 when global or its database is away, which an error that comes over RPC does not tell. */
export function webhookConfig({ WEBHOOK_CONFIG: global }: RegionEnv): WebhookConfigApi {
  return {
    createKey: (...key) => reached(global.createKey(...key)),
    keys: (customerId) => reached(global.keys(customerId)),
    rotateKey: (...key) => reached(global.rotateKey(...key)),
    revokeKey: (...key) => reached(global.revokeKey(...key)),
    publish: (...endpoint) => reached(global.publish(...endpoint)),
  };
}

async function reached<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    throw new AppError("unavailable", { cause });
  }
}
