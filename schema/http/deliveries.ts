import { z } from "zod";
import { idSchema } from "../ids.ts";
import { regionSchema } from "../regions.ts";
import { attemptErrors, deliveryStatuses, parkReasons } from "../webhooks/delivery.ts";
import { ofRegion, reasonSchema } from "./events.ts";
import { pageOf, pageQuery, timestamp } from "./list.ts";
import { route } from "./route.ts";

/** A delivery and its tries. */
export const deliverySchema = z
  .object({
    id: idSchema("delivery"),
    event_id: idSchema("event"),
    event_type: z.string(),
    endpoint_id: idSchema("webhookEndpoint"),
    status: z.enum(deliveryStatuses),
    parked_for: z
      .enum(parkReasons)
      .nullable()
      .meta({ description: "Why it is a dead letter, if not for failed tries." }),
    attempts: z.array(
      z.object({
        number: z.int(),
        status_code: z.int().nullable(),
        error: z.enum(attemptErrors).nullable(),
        duration_ms: z.int(),
        attempted_at: timestamp,
      }),
    ),
    next_attempt_at: timestamp.nullable(),
    region: regionSchema,
    created_at: timestamp,
    delivered_at: timestamp.nullable(),
  })
  .meta({ id: "Delivery" });

/** A delivery and its tries. */
export type DeliveryView = z.infer<typeof deliverySchema>;

const base = { tag: "webhooks", servedBy: "region", resource: "delivery" } as const;
const read = { who: "principal", role: "admin", scope: "webhooks:read" } as const;
const byId = z.object({ id: idSchema("delivery") });

/** Lists deliveries of a region, newest first. */
export const listDeliveries = route({
  ...base,
  method: "GET",
  path: "/v1/deliveries",
  operationId: "listDeliveries",
  routing: "region",
  summary: "List deliveries",
  access: read,
  action: "delivery.list",
  query: z.object({
    ...pageQuery,
    ...ofRegion,
    endpoint_id: idSchema("webhookEndpoint").optional(),
    event_id: idSchema("event").optional(),
    status: z.enum(deliveryStatuses).optional(),
  }),
  answers: { 200: { description: "Deliveries, newest first.", schema: pageOf(deliverySchema) } },
});

/** One delivery with every try. */
export const getDelivery = route({
  ...base,
  method: "GET",
  path: "/v1/deliveries/{id}",
  operationId: "getDelivery",
  routing: "any",
  summary: "Get a delivery",
  access: read,
  action: "delivery.read",
  params: byId,
  query: z.object(ofRegion),
  answers: { 200: { description: "The delivery.", schema: deliverySchema } },
});

/** Tries a delivery again: a dead letter, or one that was delivered and got lost at the receiver. 409 while it is pending. */
export const retryDelivery = route({
  ...base,
  method: "POST",
  path: "/v1/deliveries/{id}/retry",
  operationId: "retryDelivery",
  routing: "any",
  summary: "Retry a delivery",
  access: { who: "principal", role: "admin", scope: "webhooks:write" },
  action: "delivery.retry",
  params: byId,
  query: z.object(ofRegion),
  answers: { 202: { description: "Pending again.", schema: deliverySchema } },
});

/** Opens what the endpoint answered, 1 KiB of each try. The audit record, with the reason, is durable before it is opened. */
export const decryptDelivery = route({
  ...base,
  method: "POST",
  path: "/v1/deliveries/{id}/decrypt",
  operationId: "decryptDelivery",
  routing: "any",
  summary: "Open the answers of an endpoint, on the record",
  access: { who: "principal", role: "admin", scope: "events:decrypt" },
  action: "delivery.decrypt",
  params: byId,
  query: z.object(ofRegion),
  body: z.strictObject({ reason: reasonSchema }),
  answers: {
    200: {
      description: "The beginning of each answer's body; null where there was none, or where it is erased.",
      schema: z
        .object({ data: z.array(z.object({ number: z.int(), response: z.string().nullable() })) })
        .meta({ id: "OpenedResponses" }),
    },
  },
});

/** Every route of the noun. */
export const deliveryRoutes = [listDeliveries, getDelivery, retryDelivery, decryptDelivery] as const;
