/** AES-256-GCM needs a fresh 96-bit nonce for each message (NIST SP 800-38D §8.2.2). */
const nonceBytes = 12;

/**
 * Seals text under a key derived for `purpose` from a secret (HKDF-SHA-256, RFC 5869), bound to `context`: what was sealed for one
 * place does not open in another. Nonce first, then ciphertext and tag.
 */
export async function seal(text: string, secret: Uint8Array, purpose: string, context: string): Promise<Uint8Array> {
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
  const key = await deriveKey(secret, purpose);
  const sealed = await crypto.subtle.encrypt(gcm(nonce, context), key, utf8(text));
  const whole = new Uint8Array(nonceBytes + sealed.byteLength);
  whole.set(nonce);
  whole.set(new Uint8Array(sealed), nonceBytes);
  return whole;
}

/** Opens what `seal` sealed; rejects if a byte, the purpose or the context is another. */
export async function open(sealed: Uint8Array, secret: Uint8Array, purpose: string, context: string): Promise<string> {
  const key = await deriveKey(secret, purpose);
  const nonce = Uint8Array.from(sealed.subarray(0, nonceBytes));
  const text = await crypto.subtle.decrypt(gcm(nonce, context), key, Uint8Array.from(sealed.subarray(nonceBytes)));
  return new TextDecoder().decode(text);
}

async function deriveKey(secret: Uint8Array, purpose: string): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", Uint8Array.from(secret), "HKDF", false, ["deriveKey"]);
  const hkdf = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: utf8(purpose) };
  return crypto.subtle.deriveKey(hkdf, base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

function gcm(iv: Uint8Array<ArrayBuffer>, context: string) {
  return { name: "AES-GCM", iv, additionalData: utf8(context) };
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(text));
}
