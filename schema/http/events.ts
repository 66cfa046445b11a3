import { z } from "zod";
import { idSchema } from "../ids.ts";
import { regionSchema } from "../regions.ts";
import { textSchema } from "../text.ts";
import { deliveryStatuses } from "../webhooks/delivery.ts";
import { eventTypeSchema } from "../webhooks/event-type.ts";
import { pageOf, pageQuery, timestamp } from "./list.ts";
import { route } from "./route.ts";

/** The most bytes that the `data` of an event may have, as it is sent: 256 KiB. */
export const maximumDataBytes = 256 * 1024;

/** The body of a new event. `data` is kept byte for byte as it was sent. */
export const newEventSchema = z
  .strictObject({
    type: eventTypeSchema,
    data: z.unknown().meta({ description: "Any JSON, 256 KiB at most.", example: { invoice: "in_42", amount: 1999 } }),
    user_id: idSchema("user")
      .optional()
      .meta({ description: "Whom it is about: it is kept in that user's home region. Default: the caller's region." }),
  })
  .refine((body) => body.data !== undefined, { path: ["data"], message: "is required" })
  .meta({ id: "NewEvent" });

/** Why something sealed is opened: it stands in the audit log. */
export const reasonSchema = textSchema(3, 500).meta({ example: "Support case 4711: the invoice did not arrive." });

const accepted = z
  .object({
    id: idSchema("event"),
    type: z.string(),
    created_at: timestamp,
    region: regionSchema,
    deliveries: z.int().meta({
      description:
        "To how many endpoints it is delivered. `GET /v1/deliveries?event_id=` lists the deliveries, with those that wait for a disabled endpoint.",
    }),
  })
  .meta({ id: "AcceptedEvent" });

/** An event as `POST /v1/events` returns it. */
export type AcceptedEventView = z.infer<typeof accepted>;

/** The most events in one batch. */
export const maximumBatchEvents = 100;

const eventResult = z
  .union([
    accepted.extend({ status: z.literal(202) }).meta({ id: "AcceptedEventResult" }),
    z
      .object({
        status: z.int().meta({ description: "What `POST /v1/events` would have answered.", example: 422 }),
        error: z.object({
          code: z.string(),
          detail: z.string(),
          errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
        }),
      })
      .meta({ id: "RefusedEventResult" }),
  ])
  .meta({ id: "EventResult" });

/** What became of one event of a batch. */
export type EventResult = z.infer<typeof eventResult>;

/** The results of a batch, in the order of its events. */
export const batchResultsSchema = z.object({ results: z.array(eventResult) }).meta({ id: "EventResults" });

/** An event without its payload. */
export const eventSchema = z
  .object({
    id: idSchema("event"),
    type: z.string(),
    user_id: z.string().nullable(),
    size: z.int().meta({ description: "Bytes of `data`." }),
    payload: z.enum(["sealed", "erased"]),
    region: regionSchema,
    created_at: timestamp,
    deliveries: z.array(
      z.object({
        id: idSchema("delivery"),
        endpoint_id: idSchema("webhookEndpoint"),
        status: z.enum(deliveryStatuses),
      }),
    ),
  })
  .meta({ id: "Event" });

/** An event without its payload. */
export type EventView = z.infer<typeof eventSchema>;

/** Which of the customer's regions is asked. */
export const ofRegion = {
  region: regionSchema.optional().meta({
    description:
      "One of the customer's regions. Default: the caller's home; where an id is named, whichever region has it.",
  }),
};

const base = { tag: "events", servedBy: "region", resource: "event" } as const;
const byId = z.object({ id: idSchema("event") });

/** Accepts an event: 202 means that it is committed with a delivery for each endpoint that wants it, in the user's home region. */
export const createEvent = route({
  ...base,
  method: "POST",
  path: "/v1/events",
  operationId: "createEvent",
  routing: "subject",
  summary: "Emit an event",
  access: { who: "principal", role: "member", scope: "events:write" },
  action: "event.create",
  body: newEventSchema,
  // The whole body: `data` at its largest, and the rest.
  bodyLimit: maximumDataBytes + 2048,
  creates: true,
  answers: { 202: { description: "Committed.", schema: accepted } },
});

/**
 * Accepts up to a hundred events, each as `createEvent` would: one that is refused keeps no other from being accepted. The body only has
 * to be an object with an array of the right length; its elements are validated one by one.
 */
export const createEvents = route({
  ...base,
  method: "POST",
  path: "/v1/events/batch",
  operationId: "createEvents",
  routing: "subjects",
  summary: "Emit up to 100 events",
  access: { who: "principal", role: "member", scope: "events:write" },
  action: "event.create_batch",
  body: z.strictObject({
    events: z
      .array(z.unknown())
      .min(1)
      .max(maximumBatchEvents)
      .meta({
        description:
          "Events as in `POST /v1/events`, 5 MiB at most together. With an `Idempotency-Key` each event is named by the key and its place.",
        items: { $ref: "#/components/schemas/NewEvent" },
      }),
  }),
  bodyLimit: 5 * 1024 * 1024,
  creates: true,
  answers: { 200: { description: "A result for each event, in order.", schema: batchResultsSchema } },
});

/** Lists events of a region, newest first. */
export const listEvents = route({
  ...base,
  method: "GET",
  path: "/v1/events",
  operationId: "listEvents",
  routing: "region",
  summary: "List events",
  access: { who: "principal", role: "admin", scope: "events:read" },
  action: "event.list",
  query: z.object({
    ...pageQuery,
    ...ofRegion,
    type: eventTypeSchema.optional(),
    user_id: idSchema("user").optional(),
  }),
  answers: { 200: { description: "Events, newest first.", schema: pageOf(eventSchema) } },
});

/** One event and where it went. */
export const getEvent = route({
  ...base,
  method: "GET",
  path: "/v1/events/{id}",
  operationId: "getEvent",
  routing: "any",
  summary: "Get an event",
  access: { who: "principal", role: "admin", scope: "events:read" },
  action: "event.read",
  params: byId,
  query: z.object(ofRegion),
  answers: { 200: { description: "The event.", schema: eventSchema } },
});

/** Opens the payload of an event. The audit record, with the reason, is durable before the payload is opened. */
export const decryptEvent = route({
  ...base,
  method: "POST",
  path: "/v1/events/{id}/decrypt",
  operationId: "decryptEvent",
  routing: "any",
  summary: "Open the payload of an event, on the record",
  access: { who: "principal", role: "admin", scope: "events:decrypt" },
  action: "event.decrypt",
  params: byId,
  query: z.object(ofRegion),
  body: z.strictObject({ reason: reasonSchema }),
  answers: { 200: { description: "The payload.", schema: z.object({ data: z.unknown() }).meta({ id: "Payload" }) } },
});

/** Every route of the noun. */
export const eventRoutes = [createEvent, createEvents, listEvents, getEvent, decryptEvent] as const;
