import { z } from "zod";
import { idSchema } from "../ids.ts";
import { regionSchema } from "../regions.ts";
import { route } from "./route.ts";
import { nameSchema, newPasswordSchema, userSchema } from "./users.ts";

const me = z
  .object({
    principal: z.object({ type: z.enum(["user", "api_key"]), id: z.string() }),
    customer_id: idSchema("customer"),
    region: regionSchema,
    tier: z.string(),
    user: userSchema.optional(),
  })
  .meta({ id: "Me" });

const base = { path: "/v1/me", tag: "me", servedBy: "region", resource: "user" } as const;

/** Who the credential is, as seen from the home region. */
export const getMe = route({
  ...base,
  method: "GET",
  operationId: "getMe",
  summary: "Who am I",
  access: { who: "principal", role: "viewer", scope: "anyKey" },
  action: "me.read",
  answers: { 200: { description: "The principal, and the user if it is one.", schema: me } },
});

/** Changes the caller's own name or password. A new password ends every other session. */
export const updateMe = route({
  ...base,
  method: "PATCH",
  operationId: "updateMe",
  summary: "Change own name or password",
  access: { who: "session" },
  action: "me.update",
  body: z.strictObject({ name: nameSchema.optional(), password: newPasswordSchema.optional() }),
  answers: { 200: { description: "Changed.", schema: me } },
});

/** Every route of the noun. */
export const meRoutes = [getMe, updateMe] as const;
