import { z } from "zod";
import { tierNameSchema } from "../config.ts";
import { idSchema } from "../ids.ts";
import { scopeSchema } from "../principal.ts";
import { regionSchema } from "../regions.ts";
import { textSchema } from "../text.ts";
import { pageOf, pageQuery, timestamp } from "./list.ts";
import { route } from "./route.ts";

/** An API key without its secret. */
export const apiKeySchema = z
  .object({
    id: idSchema("apiKey"),
    name: z.string(),
    tier: tierNameSchema.nullable().meta({ description: "Null: the customer's tier, whatever it is." }),
    scopes: z.array(scopeSchema),
    region: regionSchema,
    created_by: z.string().nullable().meta({ description: "The user or API key that made it." }),
    created_at: timestamp,
    expires_at: timestamp.nullable(),
    revoked_at: timestamp.nullable(),
  })
  .meta({ id: "ApiKey" });

const shownOnce = apiKeySchema
  .extend({ key: z.string().meta({ description: "`dmc_<region>_…`; shown this once." }) })
  .meta({ id: "NewApiKey" });

const read = { who: "principal", role: "admin", scope: "api_keys:read" } as const;
const write = { who: "principal", role: "admin", scope: "api_keys:write" } as const;
const byId = z.object({ id: idSchema("apiKey") });
const base = { tag: "api-keys", servedBy: "region", resource: "api_key" } as const;

/** Makes an API key in the caller's home region. */
export const createApiKey = route({
  ...base,
  method: "POST",
  path: "/v1/api-keys",
  operationId: "createApiKey",
  summary: "Create an API key",
  access: write,
  action: "api_key.create",
  body: z.object({
    name: textSchema(1, 100),
    tier: tierNameSchema.optional(),
    scopes: z.array(scopeSchema).max(32).optional(),
    expires_at: z.iso.datetime({ offset: true }).refine(isBeforeYear10000, "must be before the year 10000").optional(),
  }),
  creates: true,
  answers: { 201: { description: "Created; `key` is shown this once.", schema: shownOnce } },
});

/** Lists the keys of the caller's customer and home region, newest first. */
export const listApiKeys = route({
  ...base,
  method: "GET",
  path: "/v1/api-keys",
  operationId: "listApiKeys",
  summary: "List API keys",
  access: read,
  action: "api_key.list",
  query: z.object(pageQuery),
  answers: { 200: { description: "Keys, never their secrets.", schema: pageOf(apiKeySchema) } },
});

/** Revokes a key at once. */
export const deleteApiKey = route({
  ...base,
  method: "DELETE",
  path: "/v1/api-keys/{id}",
  operationId: "deleteApiKey",
  summary: "Revoke an API key",
  access: write,
  action: "api_key.delete",
  params: byId,
  answers: { 204: { description: "Revoked." } },
});

/** Makes a successor with the same name, tier and scopes; the old key works for `grace_seconds` more. */
export const rotateApiKey = route({
  ...base,
  method: "POST",
  path: "/v1/api-keys/{id}/rotate",
  operationId: "rotateApiKey",
  summary: "Rotate an API key",
  access: write,
  action: "api_key.rotate",
  params: byId,
  body: z.object({
    grace_seconds: z
      .int()
      .min(0)
      .max(30 * 86_400)
      .default(0),
  }),
  bodyOptional: true,
  creates: true,
  answers: { 201: { description: "The successor; its `key` is shown this once.", schema: shownOnce } },
});

/** Years of five digits have another form (ISO 8601), which RFC 3339 and Postgres do not take. */
function isBeforeYear10000(time: string): boolean {
  return new Date(time).getUTCFullYear() < 10_000;
}

/** Every route of the noun. */
export const apiKeyRoutes = [createApiKey, listApiKeys, deleteApiKey, rotateApiKey] as const;
