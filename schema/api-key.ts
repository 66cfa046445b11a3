import { base64url } from "jose";
import { TypeID } from "typeid-js";
import { base62Length, decodeBase62, encodeBase62 } from "./base62.ts";
import { idPrefix } from "./ids.ts";
import { isRegion, type Region } from "./regions.ts";

const idBytes = 16;
const secretBytes = 32;
const checksumBytes = 12;
const idWidth = base62Length(idBytes);
const secretWidth = base62Length(secretBytes);
const checksumWidth = base62Length(checksumBytes);

/** The parts of an API key `dmc_<region>_<id><secret><checksum>` before its checksum is verified. */
export interface ApiKeyParts {
  readonly region: Region;
  /** The TypeID of the key, `key_…`. */
  readonly id: string;
  readonly secret: string;
  readonly checksum: string;
  /** All before the checksum: what the checksum covers. */
  readonly body: string;
}

/** Takes an API key apart by its fixed widths; null if it is not of the form. Verifies nothing. */
export function parseApiKey(text: string): ApiKeyParts | null {
  const [brand, region, rest, ...more] = text.split("_");
  if (brand !== "dmc" || !isRegion(region) || rest === undefined || more.length > 0) return null;
  if (rest.length !== idWidth + secretWidth + checksumWidth) return null;
  const id = decodeBase62(rest.slice(0, idWidth), idBytes);
  const secret = rest.slice(idWidth, idWidth + secretWidth);
  const checksum = rest.slice(idWidth + secretWidth);
  if (id === null || decodeBase62(secret, secretBytes) === null) return null;
  const body = text.slice(0, text.length - checksumWidth);
  return { region, id: TypeID.fromUUIDBytes(idPrefix.apiKey, id).toString(), secret, checksum, body };
}

/** A new API key for `id` (a TypeID `key_…`), with 256 random bits of secret. To be shown once and then forgotten. */
export async function mintApiKey(
  region: Region,
  id: string,
  checksumKey: string,
): Promise<{ key: string; secretHash: string }> {
  const idPart = encodeBase62(TypeID.fromString(id).toUUIDBytes());
  const secret = encodeBase62(crypto.getRandomValues(new Uint8Array(secretBytes)));
  const body = `dmc_${region}_${idPart}${secret}`;
  const key = body + (await apiKeyChecksum(body, checksumKey));
  return { key, secretHash: await hashApiKeySecret(secret) };
}

/**
 * The checksum of a key: HMAC-SHA-256 (RFC 2104) under `checksumKey`, cut to 96 bits. Keyed, so that a made-up key is
 * refused by arithmetic alone. Whoever holds `checksumKey` can still not make a key that works: its hash is in no database.
 */
export async function apiKeyChecksum(body: string, checksumKey: string): Promise<string> {
  const key = await crypto.subtle.importKey("raw", utf8(checksumKey), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  const mac = await crypto.subtle.sign("HMAC", key, utf8(body));
  return encodeBase62(new Uint8Array(mac, 0, checksumBytes));
}

/** What is kept of a secret: its SHA-256, base64url. 256 random bits need no slow hash. */
export async function hashApiKeySecret(secret: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", utf8(secret));
  return base64url.encode(new Uint8Array(digest));
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(text));
}
