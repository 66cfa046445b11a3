import { z } from "zod";
import {
  customerSchema,
  policySchema,
  regionStateSchema,
  regionStatusSchema,
  tierNameSchema,
  tierSchema,
} from "../config.ts";
import { idSchema } from "../ids.ts";
import { regionSchema } from "../regions.ts";
import { textSchema } from "../text.ts";
import { pageOf, pageQuery } from "./list.ts";
import { route } from "./route.ts";
import { managedUserSchema, newUserSchema } from "./users.ts";

const base = { access: { who: "operator" }, servedBy: "global", tag: "operator" } as const;
const customers = { ...base, resource: "customer" } as const;
const tiers = { ...base, resource: "tier" } as const;
const regions = { ...base, resource: "region" } as const;
const byId = z.object({ id: idSchema("customer") });
const byTier = z.object({ name: tierNameSchema });
const byRegion = z.object({ name: regionSchema });

/** An origin for CORS: scheme, host and port, nothing else (RFC 6454). */
const originSchema = z.string().refine(isOrigin, "must be an origin such as https://app.example.com");

const allowedRegions = z
  .array(regionSchema)
  .min(1)
  .refine((names) => new Set(names).size === names.length, "must not name a region twice");

const newCustomer = z.strictObject({
  name: textSchema(1, 200),
  tier: tierNameSchema,
  key_tiers: z.array(tierNameSchema).max(20).optional().meta({ description: "Default: the tier alone." }),
  allowed_regions: allowedRegions,
  default_region: regionSchema,
  travel_policy: z.enum(["allow", "reauthenticate"]).default("allow"),
  cors_origins: z.array(originSchema).max(50).default([]),
  upstreams: z.partialRecord(regionSchema, z.url()).default({}),
  audit_retention_days: customerSchema.shape.audit_retention_days.default(365),
});

const customerChange = z.strictObject({
  name: newCustomer.shape.name.optional(),
  status: z.enum(["active", "suspended"]).optional(),
  tier: tierNameSchema.optional(),
  key_tiers: z.array(tierNameSchema).max(20).optional(),
  allowed_regions: allowedRegions.optional(),
  default_region: regionSchema.optional(),
  travel_policy: z.enum(["allow", "reauthenticate"]).optional(),
  cors_origins: z.array(originSchema).max(50).optional(),
  upstreams: z.partialRecord(regionSchema, z.url()).optional(),
  audit_retention_days: customerSchema.shape.audit_retention_days.optional(),
});

/** `POST /operator/v1/customers`. */
export const createCustomer = route({
  ...customers,
  method: "POST",
  path: "/operator/v1/customers",
  operationId: "createCustomer",
  summary: "Create a customer",
  action: "customer.create",
  body: newCustomer,
  answers: { 201: { description: "Created.", schema: customerSchema } },
});

/** `GET /operator/v1/customers`. */
export const listCustomers = route({
  ...customers,
  method: "GET",
  path: "/operator/v1/customers",
  operationId: "listCustomers",
  summary: "List customers",
  action: "customer.list",
  query: z.object(pageQuery),
  answers: { 200: { description: "Customers, newest first.", schema: pageOf(customerSchema) } },
});

/** `GET /operator/v1/customers/{id}`. */
export const getCustomer = route({
  ...customers,
  method: "GET",
  path: "/operator/v1/customers/{id}",
  operationId: "getCustomer",
  summary: "Get a customer",
  action: "customer.read",
  params: byId,
  answers: { 200: { description: "The customer.", schema: customerSchema } },
});

/** `PATCH /operator/v1/customers/{id}`. */
export const updateCustomer = route({
  ...customers,
  method: "PATCH",
  path: "/operator/v1/customers/{id}",
  operationId: "updateCustomer",
  summary: "Change a customer",
  action: "customer.update",
  params: byId,
  body: customerChange,
  answers: { 200: { description: "Changed; seen everywhere within seconds.", schema: customerSchema } },
});

/** The way in for a new customer: its first owner, made by the operator in the owner's home region. */
export const createCustomerUser = route({
  ...customers,
  resource: "user",
  method: "POST",
  path: "/operator/v1/customers/{id}/users",
  operationId: "createCustomerUser",
  routing: "new-user",
  summary: "Create a user of a customer, such as its first owner",
  servedBy: "region",
  action: "user.create",
  params: byId,
  body: newUserSchema,
  answers: { 201: { description: "Created.", schema: managedUserSchema } },
});

/** `GET /operator/v1/tiers`. */
export const listTiers = route({
  ...tiers,
  method: "GET",
  path: "/operator/v1/tiers",
  operationId: "listTiers",
  summary: "List tiers",
  action: "tier.list",
  query: z.object(pageQuery),
  answers: { 200: { description: "All tiers.", schema: pageOf(tierSchema) } },
});

/** `GET /operator/v1/tiers/{name}`. */
export const getTier = route({
  ...tiers,
  method: "GET",
  path: "/operator/v1/tiers/{name}",
  operationId: "getTier",
  summary: "Get a tier",
  action: "tier.read",
  params: byTier,
  answers: { 200: { description: "The tier.", schema: tierSchema } },
});

/** `PUT /operator/v1/tiers/{name}`. */
export const putTier = route({
  ...tiers,
  method: "PUT",
  path: "/operator/v1/tiers/{name}",
  operationId: "putTier",
  summary: "Create or replace a tier",
  action: "tier.update",
  params: byTier,
  body: z
    .strictObject({
      unlimited: z.boolean().default(false),
      recheck_seconds: z.int().min(1).max(5).default(5),
      policies: z.array(policySchema).max(4).default([]),
    })
    .refine(
      (tier) => tier.unlimited === (tier.policies.length === 0),
      "an unlimited tier has no policies, any other has some",
    )
    .refine(
      (tier) => new Set(tier.policies.map((p) => p.name)).size === tier.policies.length,
      "policy names must differ",
    ),
  answers: { 200: { description: "Stored; seen everywhere within seconds.", schema: tierSchema } },
});

/** `DELETE /operator/v1/tiers/{name}`. */
export const deleteTier = route({
  ...tiers,
  method: "DELETE",
  path: "/operator/v1/tiers/{name}",
  operationId: "deleteTier",
  summary: "Delete a tier that no customer names",
  action: "tier.delete",
  params: byTier,
  answers: { 204: { description: "Deleted." } },
});

/** `GET /operator/v1/regions`. */
export const listRegions = route({
  ...regions,
  method: "GET",
  path: "/operator/v1/regions",
  operationId: "listRegions",
  summary: "List regions and their status",
  action: "region.list",
  query: z.object(pageQuery),
  answers: { 200: { description: "All regions.", schema: pageOf(regionStateSchema) } },
});

/** `GET /operator/v1/regions/{name}`. */
export const getRegion = route({
  ...regions,
  method: "GET",
  path: "/operator/v1/regions/{name}",
  operationId: "getRegion",
  summary: "Get a region's status",
  action: "region.read",
  params: byRegion,
  answers: { 200: { description: "The region.", schema: regionStateSchema } },
});

/** Opens, drains or closes a region. PUT is the same, for clients that replace. */
export const updateRegion = route({
  ...regions,
  method: "PATCH",
  path: "/operator/v1/regions/{name}",
  operationId: "updateRegion",
  summary: "Open, drain or close a region",
  action: "region.update",
  params: byRegion,
  body: z.strictObject({ status: regionStatusSchema }),
  answers: { 200: { description: "Changed; seen everywhere within seconds.", schema: regionStateSchema } },
});

export const putRegion = route({ ...updateRegion, method: "PUT", operationId: "putRegion" });

/** Every route of the noun. */
export const operatorRoutes = [
  createCustomer,
  listCustomers,
  getCustomer,
  updateCustomer,
  createCustomerUser,
  listTiers,
  getTier,
  putTier,
  deleteTier,
  listRegions,
  getRegion,
  updateRegion,
  putRegion,
] as const;

function isOrigin(value: string): boolean {
  return URL.canParse(value) && new URL(value).origin === value && /^https?:/.test(value);
}
