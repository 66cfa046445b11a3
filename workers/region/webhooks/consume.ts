import { consumeWebhooks } from "../../../queues/webhooks/consume.ts";
import { courierOf } from "./courier-of.ts";

/** Consumes a batch of the region's webhook queue. */
export function wakeCouriers(batch: MessageBatch, env: RegionEnv): Promise<void> {
  return consumeWebhooks(batch, {
    wake: (endpointId) => courierOf(env, endpointId).wake(endpointId),
    bury: (letter) => env.WEBHOOKS_DEAD.send(letter, { contentType: "json" }),
  });
}
