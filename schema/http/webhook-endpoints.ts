import { z } from "zod";
import { idSchema } from "../ids.ts";
import { regionSchema } from "../regions.ts";
import { textSchema } from "../text.ts";
import { eventFilterSchema } from "../webhooks/event-type.ts";
import { ofRegion, reasonSchema } from "./events.ts";
import { pageOf, pageQuery, timestamp } from "./list.ts";
import { route } from "./route.ts";

const urlSchema = z.string().min(1).max(2048).meta({
  description: "https, port 443 or 8443, a public host name.",
  example: "https://hooks.acme.example/domicile",
});

const crossRegion = z.strictObject({
  legal_basis: textSchema(10, 500).meta({
    description:
      "Why events of users of other regions may go to this endpoint (GDPR Art. 44 ff.). It stands in the audit log.",
    example: "Standard contractual clauses of 2026-03-01, annex II",
  }),
});

const changeable = {
  url: urlSchema,
  event_types: z
    .array(eventFilterSchema)
    .min(1)
    .max(100)
    .meta({ description: 'Types, prefixes such as `invoice.*`, or `*`. Default: `["*"]`.' }),
  description: textSchema(0, 500).nullable(),
  public_key_id: idSchema("publicKey")
    .nullable()
    .meta({ description: "Encrypts what is delivered to this public key, as a JWE." }),
  cross_region: crossRegion.nullable(),
  ordering: z
    .enum(["none", "fifo"])
    .meta({ description: "`fifo`: one at a time, in the order of acceptance; one that fails holds up the rest." }),
  rate_per_second: z.int().min(1).max(1000).nullable(),
};

/** The body of a new endpoint. */
export const newEndpointSchema = z.strictObject({
  url: changeable.url,
  event_types: changeable.event_types.default(["*"]),
  description: changeable.description.default(null),
  public_key_id: changeable.public_key_id.default(null),
  cross_region: changeable.cross_region.default(null),
  ordering: changeable.ordering.default("none"),
  rate_per_second: changeable.rate_per_second.default(null),
  signing: z.enum(["v1", "v1a"]).default("v1").meta({
    description: "`v1a` adds an Ed25519 signature, which is checked by `verification_key`, to the HMAC of `v1`.",
  }),
});

/** An endpoint without its secrets. */
export const endpointSchema = z
  .object({
    id: idSchema("webhookEndpoint"),
    url: z.string(),
    event_types: z.array(z.string()),
    description: z.string().nullable(),
    status: z.enum(["enabled", "disabled"]),
    disabled_reason: z.enum(["by_customer", "gone", "failing"]).nullable(),
    ordering: z.enum(["none", "fifo"]),
    rate_per_second: z.int().nullable(),
    signing: z.enum(["v1", "v1a"]),
    public_key_id: z.string().nullable(),
    cross_region: z.object({ legal_basis: z.string(), opted_in_at: timestamp }).nullable(),
    region: regionSchema,
    failing_since: timestamp.nullable(),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: "WebhookEndpoint" });

/** An endpoint without its secrets. */
export type EndpointView = z.infer<typeof endpointSchema>;

const secretMembers = {
  secret: z.string().meta({ description: "Signs with HMAC-SHA-256 (`v1`).", example: "whsec_C2FVsBQIhrscChlQIMV…" }),
  verification_key: z
    .string()
    .optional()
    .meta({ description: "Only with `v1a`: checks its Ed25519 signatures.", example: "whpk_…" }),
};

const endpointWithSecret = endpointSchema.extend(secretMembers).meta({ id: "NewWebhookEndpoint" });

const secretSchema = z
  .object({ ...secretMembers, created_at: timestamp, expires_at: timestamp.nullable() })
  .meta({ id: "WebhookSecret" });

/** For how long the old secret signs beside the new one, in seconds: a day if not said. */
const overlap = z
  .int()
  .min(0)
  .max(30 * 86_400)
  .default(86_400);

const read = { who: "principal", role: "admin", scope: "webhooks:read" } as const;
const write = { who: "principal", role: "admin", scope: "webhooks:write" } as const;
const base = { tag: "webhooks", servedBy: "region", resource: "webhook_endpoint" } as const;
const byId = z.object({ id: idSchema("webhookEndpoint") });
const query = z.object(ofRegion);

/** Makes an endpoint in a region; it gets the events of that region's users. The secret is in the answer. */
export const createWebhookEndpoint = route({
  ...base,
  method: "POST",
  path: "/v1/webhook-endpoints",
  operationId: "createWebhookEndpoint",
  routing: "region",
  summary: "Create a webhook endpoint",
  access: write,
  action: "webhook_endpoint.create",
  query,
  body: newEndpointSchema,
  creates: true,
  answers: { 201: { description: "Created.", schema: endpointWithSecret } },
});

/** Lists endpoints of a region, newest first. */
export const listWebhookEndpoints = route({
  ...base,
  method: "GET",
  path: "/v1/webhook-endpoints",
  operationId: "listWebhookEndpoints",
  routing: "region",
  summary: "List webhook endpoints",
  access: read,
  action: "webhook_endpoint.list",
  query: z.object({ ...pageQuery, ...ofRegion }),
  answers: { 200: { description: "Endpoints, newest first.", schema: pageOf(endpointSchema) } },
});

/** One endpoint. */
export const getWebhookEndpoint = route({
  ...base,
  method: "GET",
  path: "/v1/webhook-endpoints/{id}",
  operationId: "getWebhookEndpoint",
  routing: "any",
  summary: "Get a webhook endpoint",
  access: read,
  action: "webhook_endpoint.read",
  params: byId,
  query,
  answers: { 200: { description: "The endpoint.", schema: endpointSchema } },
});

/** Changes an endpoint. `status: "enabled"` of a disabled one begins to deliver what is parked. */
export const updateWebhookEndpoint = route({
  ...base,
  method: "PATCH",
  path: "/v1/webhook-endpoints/{id}",
  operationId: "updateWebhookEndpoint",
  routing: "any",
  summary: "Change a webhook endpoint",
  access: write,
  action: "webhook_endpoint.update",
  params: byId,
  query,
  body: z
    .strictObject(changeable)
    .extend({ status: z.enum(["enabled", "disabled"]) })
    .partial(),
  answers: { 200: { description: "Changed.", schema: endpointSchema } },
});

/** Deletes an endpoint: nothing more is delivered to it, its secrets are gone; its deliveries can still be read. */
export const deleteWebhookEndpoint = route({
  ...base,
  method: "DELETE",
  path: "/v1/webhook-endpoints/{id}",
  operationId: "deleteWebhookEndpoint",
  routing: "any",
  summary: "Delete a webhook endpoint",
  access: write,
  action: "webhook_endpoint.delete",
  params: byId,
  query,
  answers: { 204: { description: "Deleted." } },
});

/** Makes a new secret; the old one signs beside it until the overlap ends. */
export const rotateWebhookSecret = route({
  ...base,
  method: "POST",
  path: "/v1/webhook-endpoints/{id}/secret/rotate",
  operationId: "rotateWebhookSecret",
  routing: "any",
  summary: "Rotate the signing secret",
  access: write,
  action: "webhook_endpoint.secret.rotate",
  params: byId,
  query,
  body: z.strictObject({ overlap_seconds: overlap }),
  bodyOptional: true,
  creates: true,
  answers: { 201: { description: "The new secret.", schema: secretSchema } },
});

/** Shows the secrets that are valid. The audit record, with the reason, is durable before they are opened. */
export const revealWebhookSecret = route({
  ...base,
  method: "POST",
  path: "/v1/webhook-endpoints/{id}/secret/reveal",
  operationId: "revealWebhookSecret",
  routing: "any",
  summary: "Show the signing secrets, on the record",
  access: write,
  action: "webhook_endpoint.secret.reveal",
  params: byId,
  query,
  body: z.strictObject({ reason: reasonSchema }),
  answers: {
    200: {
      description: "Secrets, newest first.",
      schema: z.object({ data: z.array(secretSchema) }).meta({ id: "WebhookSecrets" }),
    },
  },
});

/** Sends an event of the type `webhook_endpoint.test` to this endpoint alone, whatever types it wants. 409 for a disabled one. */
export const testWebhookEndpoint = route({
  ...base,
  method: "POST",
  path: "/v1/webhook-endpoints/{id}/test",
  operationId: "testWebhookEndpoint",
  routing: "any",
  summary: "Send a test event",
  access: write,
  action: "webhook_endpoint.test",
  params: byId,
  query,
  body: z.strictObject({}),
  bodyOptional: true,
  creates: true,
  answers: {
    202: {
      description: "Committed.",
      schema: z
        .object({
          id: idSchema("event"),
          type: z.string(),
          created_at: timestamp,
          region: regionSchema,
          delivery_id: idSchema("delivery"),
        })
        .meta({ id: "TestEvent" }),
    },
  },
});

/** Takes every dead letter of the endpoint since a time up again. 409 for a disabled endpoint. */
export const recoverWebhookEndpoint = route({
  ...base,
  method: "POST",
  path: "/v1/webhook-endpoints/{id}/recover",
  operationId: "recoverWebhookEndpoint",
  routing: "any",
  summary: "Retry the dead letters since a time",
  access: write,
  action: "webhook_endpoint.recover",
  params: byId,
  query,
  body: z.strictObject({ since: z.iso.datetime({ offset: true }).meta({ example: "2026-11-23T08:00:00Z" }) }),
  answers: {
    202: {
      description: "How many will be tried again.",
      schema: z.object({ recovered: z.int() }).meta({ id: "Recovered" }),
    },
  },
});

/** Every route of the noun. */
export const webhookEndpointRoutes = [
  createWebhookEndpoint,
  listWebhookEndpoints,
  getWebhookEndpoint,
  updateWebhookEndpoint,
  deleteWebhookEndpoint,
  rotateWebhookSecret,
  revealWebhookSecret,
  testWebhookEndpoint,
  recoverWebhookEndpoint,
] as const;
