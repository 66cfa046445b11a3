import { base64url } from "jose";

/** An e-mail address as it is compared: trimmed, NFKC, lower case. */
export function normalizeEmail(email: string): string {
  return email.trim().normalize("NFKC").toLowerCase();
}

/**
 * The key of a login in the directory: HMAC-SHA-256 of the normalized address under `directoryKey`, base64url, 43
 * characters. The global Worker and its database never have `directoryKey`, so their copy says nothing of the address.
 */
export async function loginHash(email: string, directoryKey: string): Promise<string> {
  return keyedHash("login", normalizeEmail(email), directoryKey);
}

/** HMAC-SHA-256 of `value` under `key`, base64url; `purpose` keeps hashes of one key for different uses apart. */
export async function keyedHash(purpose: string, value: string, key: string): Promise<string> {
  const encoder = new TextEncoder();
  const imported = await crypto.subtle.importKey("raw", encoder.encode(key), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  const mac = await crypto.subtle.sign("HMAC", imported, encoder.encode(`${purpose}:${value}`));
  return base64url.encode(new Uint8Array(mac));
}
