import { CompactEncrypt, compactDecrypt, importJWK, type CryptoKey, type JWK } from "jose";
import { z } from "zod";
import { regionSchema, type Region } from "../regions.ts";
import { auditEntrySchema, type AuditEntry } from "./entry.ts";

/**
 * A message of a region's audit queue. `sealed` is a compact JWE (RFC 7516) to the region's public key: ECDH-ES over X25519 (RFC 8037)
 * with A256GCM. Whoever has the queue, or its dead letters, learns when and how much, never who or what.
 */
export const auditMessageSchema = z.strictObject({
  v: z.literal(1),
  kind: z.literal("audit.entries"),
  id: z.string().min(1).max(64),
  region: regionSchema,
  /** Which of the region's `AuditLog` objects writes it. */
  shard: z.int().min(0).max(255),
  sealed: z.string().min(1).max(131_072),
});

/** A message of a region's audit queue. */
export type AuditMessage = z.infer<typeof auditMessageSchema>;

/** The most entries in one message. */
export const maximumEntries = 100;

const contentSchema = z.strictObject({
  id: z.string(),
  region: regionSchema,
  shard: z.int(),
  entries: z.array(auditEntrySchema).min(1).max(maximumEntries),
});

/** A public or private key of a region with its `kid`, imported. */
export interface SealingKey {
  readonly kid: string;
  readonly key: CryptoKey;
}

/** A zod schema for the public key that a region's audit messages are sealed to: an X25519 JWK (RFC 8037) with a `kid`. */
export const sealingPublicKeySchema = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("X25519"),
  x: z.string(),
  kid: z.string().min(1),
});

/** The same with its private part, which only the region has. */
export const sealingPrivateKeySchema = sealingPublicKeySchema.extend({ d: z.string() });

/** Imports a key that `sealingPublicKeySchema` or `sealingPrivateKeySchema` has checked. */
export async function importSealingKey(jwk: JWK & { kid: string }): Promise<SealingKey> {
  return { kid: jwk.kid, key: (await importJWK(jwk, "ECDH-ES")) as CryptoKey };
}

/** Seals entries of one region and shard into a message. */
export async function sealMessage(
  entries: readonly AuditEntry[],
  { id, region, shard }: { readonly id: string; readonly region: Region; readonly shard: number },
  key: SealingKey,
): Promise<AuditMessage> {
  const content = new TextEncoder().encode(JSON.stringify({ id, region, shard, entries }));
  const sealed = await new CompactEncrypt(content)
    .setProtectedHeader({ alg: "ECDH-ES", enc: "A256GCM", kid: key.kid })
    .encrypt(key.key);
  return { v: 1, kind: "audit.entries", id, region, shard, sealed };
}

/** What a message turned out to be. */
export type Opened =
  | { readonly kind: "opened"; readonly entries: readonly AuditEntry[] }
  | { readonly kind: "poison"; readonly reason: "unknown_key" | "not_sealed_to_us" | "malformed" | "mislabelled" };

/** Opens a message with the key it names. What does not open, or says inside what its label does not, is poison. */
export async function openMessage(message: AuditMessage, keys: readonly SealingKey[]): Promise<Opened> {
  const kid = keyIdOf(message.sealed);
  const found = keys.find((key) => key.kid === kid);
  if (found === undefined) return { kind: "poison", reason: "unknown_key" };
  let plaintext: Uint8Array;
  try {
    const options = { keyManagementAlgorithms: ["ECDH-ES"], contentEncryptionAlgorithms: ["A256GCM"] };
    ({ plaintext } = await compactDecrypt(message.sealed, found.key, options));
  } catch {
    return { kind: "poison", reason: "not_sealed_to_us" };
  }
  const parsed = contentSchema.safeParse(parseJson(plaintext));
  if (!parsed.success) return { kind: "poison", reason: "malformed" };
  const { id, region, shard, entries } = parsed.data;
  const labelled = id === message.id && region === message.region && shard === message.shard;
  return labelled ? { kind: "opened", entries } : { kind: "poison", reason: "mislabelled" };
}

function keyIdOf(sealed: string): unknown {
  const header = sealed.slice(0, Math.max(0, sealed.indexOf(".")));
  const parsed = parseJson(Uint8Array.from(atobUrl(header), (char) => char.charCodeAt(0)));
  return typeof parsed === "object" && parsed !== null && "kid" in parsed ? parsed.kid : null;
}

function atobUrl(text: string): string {
  try {
    return atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return "";
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
