import type { DueDelivery } from "../../schema/webhooks/message.ts";
import type { Result } from "./policy.ts";

/** Deliveries whose message comes back from the queue after a delay in whole seconds. */
export interface Delayed {
  readonly delaySeconds: number;
  readonly deliveries: readonly DueDelivery[];
}

/** What goes into the queue for the attempts that follow `results` of an endpoint: those of the same second together, rounded down. */
export function retryMessages(results: readonly Result[], endpointId: string, now: number): Delayed[] {
  const again = results.flatMap(({ deliveryId: id, nextAttemptAt: at }) => (at === null ? [] : [{ id, at }]));
  const bySecond = Map.groupBy(again, ({ at }) => Math.max(0, Math.floor((at - now) / 1000)));
  return Array.from(bySecond, ([delaySeconds, same]) => ({
    delaySeconds,
    deliveries: same.map(({ id }) => ({ id, endpoint_id: endpointId })),
  }));
}
