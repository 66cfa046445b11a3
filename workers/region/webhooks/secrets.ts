import { z } from "zod";
import type { DataKeyRing } from "../sealing/data-key-ring.ts";

/** What signs for an endpoint: the bytes of the HMAC secret, and of an Ed25519 key pair where it was asked for; base64. */
export interface SecretKeys {
  readonly hmac: string;
  /** PKCS #8 and raw public key. */
  readonly ed25519: { readonly privateKey: string; readonly publicKey: string } | null;
}

/** Where a secret belongs. */
export interface SecretPlace {
  readonly customerId: string;
  readonly endpointId: string;
  readonly number: number;
}

const keysSchema = z.object({
  hmac: z.string(),
  ed25519: z.object({ privateKey: z.string(), publicKey: z.string() }).nullable(),
});

/** A secret on its way to another region. Times in epoch milliseconds. */
const carriedSchema = z.object({
  endpoint_id: z.string(),
  secrets: z.array(
    z.object({ number: z.int(), keys: keysSchema, created_at: z.number(), expires_at: z.number().nullable() }),
  ),
});

/** The secrets of an endpoint, opened. */
export type CarriedSecret = z.infer<typeof carriedSchema>["secrets"][number];

/** Standard Webhooks asks for 24 to 64 bytes. */
const hmacBytes = 32;
const purpose = "webhook-secret";

/** Makes a secret; with a key pair for `v1a`. */
export async function newSecret(signing: "v1" | "v1a"): Promise<SecretKeys> {
  const hmac = base64(crypto.getRandomValues(new Uint8Array(hmacBytes)));
  if (signing === "v1") return { hmac, ed25519: null };
  const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
  const privateKey = (await crypto.subtle.exportKey("pkcs8", pair.privateKey)) as ArrayBuffer;
  const publicKey = (await crypto.subtle.exportKey("raw", pair.publicKey)) as ArrayBuffer;
  return { hmac, ed25519: { privateKey: base64(privateKey), publicKey: base64(publicKey) } };
}

/** A secret as customers see it (Standard Webhooks: `whsec_`, `whpk_`). */
export function presentSecret({ hmac, ed25519 }: SecretKeys): { secret: string; verification_key?: string } {
  return { secret: `whsec_${hmac}`, ...(ed25519 && { verification_key: `whpk_${ed25519.publicKey}` }) };
}

/** Seals a secret for its place by the region's ring. */
export function sealSecret(ring: DataKeyRing, place: SecretPlace, keys: SecretKeys): Promise<Uint8Array> {
  return ring.seal(purpose, contextOf(place), JSON.stringify(keys));
}

/** Opens what `sealSecret` sealed. */
export async function openSecret(ring: DataKeyRing, place: SecretPlace, sealed: Uint8Array): Promise<SecretKeys> {
  return keysSchema.parse(JSON.parse(await ring.open(purpose, contextOf(place), sealed)));
}

/** Secrets of an endpoint as text, for another region. */
export function writeSecrets(endpointId: string, secrets: readonly CarriedSecret[]): string {
  return JSON.stringify({ endpoint_id: endpointId, secrets });
}

/** Reads what `writeSecrets` wrote; throws if it is of another endpoint. */
export function readSecrets(text: string, endpointId: string): CarriedSecret[] {
  const carried = carriedSchema.parse(JSON.parse(text));
  if (carried.endpoint_id !== endpointId) throw new Error("the secrets are of another endpoint");
  return carried.secrets;
}

function contextOf({ customerId, endpointId, number }: SecretPlace): string {
  return JSON.stringify([customerId, endpointId, number]);
}

function base64(bytes: ArrayBuffer | Uint8Array): string {
  return Buffer.from(new Uint8Array(bytes)).toString("base64");
}

/** Bytes that a secret has in base64. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text, "base64"));
}
