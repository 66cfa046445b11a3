import { newId } from "../../../schema/ids.ts";
import { maximumDeliveries, type DueDelivery, type WebhookMessage } from "../../../schema/webhooks/message.ts";
import { sendDue } from "../../../queues/webhooks/send.ts";
import { settingsOf } from "../settings.ts";

/**
 * Tells the region's webhook queue that deliveries are due in `delaySeconds`. Resolves to whether it has taken that; if it has not, the
 * deliveries wait in Postgres, and the sweeper or their Courier comes back to them.
 */
export async function handOver(env: RegionEnv, due: readonly DueDelivery[], delaySeconds: number): Promise<boolean> {
  const { region } = settingsOf(env);
  const messages: WebhookMessage[] = [];
  for (let at = 0; at < due.length; at += maximumDeliveries) {
    const deliveries = due.slice(at, at + maximumDeliveries);
    messages.push({ v: 1, kind: "webhook.due", id: newId("message"), region, deliveries });
  }
  return sendDue(env.WEBHOOKS, messages, delaySeconds);
}
