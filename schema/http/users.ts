import { z } from "zod";
import { idSchema } from "../ids.ts";
import { roleSchema } from "../principal.ts";
import { regionSchema } from "../regions.ts";
import { textSchema } from "../text.ts";
import { pageOf, pageQuery, timestamp } from "./list.ts";
import { route } from "./route.ts";

/** An e-mail address in a request. */
export const emailSchema = z.string().trim().max(254).pipe(z.email()).meta({ example: "ada@acme.example" });

/** A new password: 8 to 256 characters (NIST SP 800-63B asks for at least 8), no composition rules. */
export const newPasswordSchema = z.string().min(8).max(256);

/** A person's name. */
export const nameSchema = textSchema(1, 200).meta({ example: "Ada Lovelace" });

/** A user, in the answer to a sign-in and in `/v1/me`. */
export const userSchema = z
  .object({
    id: idSchema("user"),
    customer_id: idSchema("customer"),
    email: z.string(),
    name: z.string(),
    role: roleSchema,
    region: regionSchema,
  })
  .meta({ id: "User" });

/** Whether a user may sign in. */
export const userStatusSchema = z.enum(["active", "disabled"]);

/** A user, as administrators see it. */
export const managedUserSchema = userSchema
  .extend({ status: userStatusSchema, created_at: timestamp, updated_at: timestamp })
  .meta({ id: "ManagedUser" });

const read = { who: "principal", role: "admin", scope: "users:read" } as const;
const write = { who: "principal", role: "admin", scope: "users:write" } as const;
const byId = z.object({ id: idSchema("user") });
const base = { tag: "users", servedBy: "region", resource: "user" } as const;

/** The body of a new user. Without `region` the home is chosen by where the request came from. */
export const newUserSchema = z.object({
  email: emailSchema,
  password: newPasswordSchema,
  name: nameSchema,
  role: roleSchema,
  region: regionSchema.optional(),
});

/** Creates a user in its home region: `region`, else by where the request came from. */
export const createUser = route({
  ...base,
  method: "POST",
  path: "/v1/users",
  operationId: "createUser",
  routing: "new-user",
  summary: "Create a user",
  access: write,
  action: "user.create",
  body: newUserSchema,
  creates: true,
  answers: { 201: { description: "Created.", schema: managedUserSchema } },
});

/** Lists the customer's users, region by region, newest first within each. */
export const listUsers = route({
  ...base,
  method: "GET",
  path: "/v1/users",
  operationId: "listUsers",
  routing: "each",
  summary: "List users",
  access: read,
  action: "user.list",
  query: z.object({ ...pageQuery, region: regionSchema.optional() }),
  answers: { 200: { description: "Users of the customer.", schema: pageOf(managedUserSchema) } },
});

/** One user of the customer. */
export const getUser = route({
  ...base,
  method: "GET",
  path: "/v1/users/{id}",
  operationId: "getUser",
  routing: "user",
  summary: "Get a user",
  access: read,
  action: "user.read",
  params: byId,
  answers: { 200: { description: "The user.", schema: managedUserSchema } },
});

/** Changes a user. Disabling ends all sessions and revokes all API keys of the user at once. */
export const updateUser = route({
  ...base,
  method: "PATCH",
  path: "/v1/users/{id}",
  operationId: "updateUser",
  routing: "user",
  summary: "Change a user's name, role or status",
  access: write,
  action: "user.update",
  params: byId,
  body: z.strictObject({
    name: nameSchema.optional(),
    role: roleSchema.optional(),
    status: userStatusSchema.optional(),
  }),
  answers: { 200: { description: "Changed.", schema: managedUserSchema } },
});

/** Deletes a user: personal data is erased, sessions end, API keys made by the user are revoked. */
export const deleteUser = route({
  ...base,
  method: "DELETE",
  path: "/v1/users/{id}",
  operationId: "deleteUser",
  routing: "user",
  summary: "Delete a user",
  access: write,
  action: "user.delete",
  params: byId,
  answers: { 204: { description: "Deleted." } },
});

/** Every route of the noun. */
export const userRoutes = [createUser, listUsers, getUser, updateUser, deleteUser] as const;
