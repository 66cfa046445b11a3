import { z } from "zod";
import { idSchema } from "../ids.ts";
import { regionSchema } from "../regions.ts";

/** The most deliveries that one message names. */
export const maximumDeliveries = 100;

/**
 * A message of a region's webhook queue: these deliveries are due, look at their endpoints. Opaque ids only; what is to be delivered, and
 * whether it still is, the region's Postgres knows.
 */
export const webhookMessageSchema = z.strictObject({
  v: z.literal(1),
  kind: z.literal("webhook.due"),
  id: idSchema("message"),
  region: regionSchema,
  deliveries: z
    .array(z.strictObject({ id: idSchema("delivery"), endpoint_id: idSchema("webhookEndpoint") }))
    .min(1)
    .max(maximumDeliveries),
});

/** A message of a region's webhook queue. */
export type WebhookMessage = z.infer<typeof webhookMessageSchema>;

/** A delivery and where it goes. */
export type DueDelivery = WebhookMessage["deliveries"][number];
