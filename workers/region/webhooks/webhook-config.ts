import type { WebhookConfigApi } from "../../../schema/config.ts";
import { reached } from "../../serve/reached.ts";

/** What webhooks keep in the global configuration; `unavailable` (503) when global or its database cannot be reached. */
export function webhookConfig({ WEBHOOK_CONFIG: global }: RegionEnv): WebhookConfigApi {
  return {
    createKey: (...key) => reached(global.createKey(...key)),
    keys: (customerId) => reached(global.keys(customerId)),
    rotateKey: (...key) => reached(global.rotateKey(...key)),
    revokeKey: (...key) => reached(global.revokeKey(...key)),
    publish: (...endpoint) => reached(global.publish(...endpoint)),
  };
}
