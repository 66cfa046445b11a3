import { z } from "zod";
import { idSchema } from "../ids.ts";
import { jwkSchema } from "../webhooks/public-key.ts";
import { pageOf, pageQuery, timestamp } from "./list.ts";
import { route } from "./route.ts";

/** A public key of a customer and its versions. */
export const publicKeySchema = z
  .object({
    id: idSchema("publicKey"),
    created_at: timestamp,
    versions: z
      .array(
        z.object({
          version: z.int(),
          kid: z.string().meta({ description: "JWK thumbprint (RFC 7638); the `kid` of the JWE's recipient." }),
          jwk: z.record(z.string(), z.string()),
          created_at: timestamp,
          expires_at: timestamp.nullable().meta({ description: "The end of its grace; null: it is the newest." }),
        }),
      )
      .meta({ description: "Newest first; those that are valid." }),
  })
  .meta({ id: "PublicKey" });

/** A public key of a customer and its versions. */
export type PublicKeyView = z.infer<typeof publicKeySchema>;

const read = { who: "principal", role: "admin", scope: "public_keys:read" } as const;
const write = { who: "principal", role: "admin", scope: "public_keys:write" } as const;
const base = { tag: "public keys", servedBy: "region", resource: "public_key" } as const;
const byId = z.object({ id: idSchema("publicKey") });

/** Registers a key: X25519, P-256, or RSA of 2048 bits and more. */
export const createPublicKey = route({
  ...base,
  method: "POST",
  path: "/v1/public-keys",
  operationId: "createPublicKey",
  summary: "Register a public key",
  access: write,
  action: "public_key.create",
  body: z.strictObject({ jwk: jwkSchema }),
  creates: true,
  answers: { 201: { description: "Registered.", schema: publicKeySchema } },
});

/** Lists the customer's public keys, newest first. */
export const listPublicKeys = route({
  ...base,
  method: "GET",
  path: "/v1/public-keys",
  operationId: "listPublicKeys",
  summary: "List public keys",
  access: read,
  action: "public_key.list",
  query: z.object(pageQuery),
  answers: { 200: { description: "Public keys, newest first.", schema: pageOf(publicKeySchema) } },
});

/** Makes a new version. During the grace, deliveries are encrypted to the old one and the new one. */
export const rotatePublicKey = route({
  ...base,
  method: "POST",
  path: "/v1/public-keys/{id}/rotate",
  operationId: "rotatePublicKey",
  summary: "Rotate a public key",
  access: write,
  action: "public_key.rotate",
  params: byId,
  body: z.strictObject({
    jwk: jwkSchema,
    grace_seconds: z
      .int()
      .min(0)
      .max(30 * 86_400),
  }),
  creates: true,
  answers: { 201: { description: "The key with its new version.", schema: publicKeySchema } },
});

/** Revokes a key, all versions. Endpoints that have it get nothing more until they get another: never the payload in the clear. */
export const deletePublicKey = route({
  ...base,
  method: "DELETE",
  path: "/v1/public-keys/{id}",
  operationId: "deletePublicKey",
  summary: "Revoke a public key",
  access: write,
  action: "public_key.delete",
  params: byId,
  answers: { 204: { description: "Revoked; noticed everywhere within five minutes." } },
});

/** Every route of the noun. */
export const publicKeyRoutes = [createPublicKey, listPublicKeys, rotatePublicKey, deletePublicKey] as const;
