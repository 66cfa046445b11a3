import { z } from "zod";
import { regionSchema } from "./regions.ts";

/** Roles of a user, weakest first. */
export const roles = ["viewer", "member", "admin", "owner"] as const;

/** A zod schema for a role. */
export const roleSchema = z.enum(roles).meta({ example: "member" });

/** A role of a user. */
export type Role = (typeof roles)[number];

/** Whether `role` includes everything that `least` may do. */
export function roleAtLeast(role: Role, least: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(least);
}

/** What an API key may be allowed to do. `api` is the customer's own API behind the proxy. */
export const scopes = [
  "api",
  "users:read",
  "users:write",
  "api_keys:read",
  "api_keys:write",
  "audit:read",
  "events:read",
  "events:write",
  "events:decrypt",
  "webhooks:read",
  "webhooks:write",
  "public_keys:read",
  "public_keys:write",
] as const;

/** A zod schema for a scope. */
export const scopeSchema = z.enum(scopes).meta({ example: "api" });

/** A scope of an API key. */
export type Scope = (typeof scopes)[number];

/** What a key may do when its maker names no scopes: call the customer API, administer nothing. */
export const defaultScopes: readonly Scope[] = ["api"];

const facts = { customer_id: z.string(), region: regionSchema, tier: z.string() };

/** Who a request acts as, as the Gate confirmed it. Opaque ids only: it travels in a header and may be logged. */
export const principalSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("user"), id: z.string(), session_id: z.string(), role: roleSchema, ...facts }),
  z.object({ type: z.literal("api_key"), id: z.string(), scopes: z.array(scopeSchema), ...facts }),
]);

/** Who a request acts as: a user through a session, or an API key. */
export type Principal = z.infer<typeof principalSchema>;

/** A user acting through a session. */
export type UserPrincipal = Extract<Principal, { type: "user" }>;
