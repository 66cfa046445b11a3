import { base64url } from "jose";
import { z } from "zod";

/** AES-256-GCM needs a fresh 96-bit nonce for each message (NIST SP 800-38D §8.2.2). */
const nonceBytes = 12;

const encoder = new TextEncoder();

/** A key of the ring: 32 bytes under a name, which stands in everything that it has sealed. */
export const dataKeySchema = z.object({
  id: z.string().regex(/^[\w-]{1,64}$/),
  key: z.base64url().length(43),
});

/** A key of the ring. */
export type DataKey = z.infer<typeof dataKeySchema>;

/**
 * The region's key-encryption keys: the first seals, all of them open. What is sealed names its key: a length, the key's id, the nonce,
 * ciphertext and tag. Each purpose has a key of its own, derived by HKDF-SHA-256 (RFC 5869); `context` binds a sealed thing to its place.
 */
export class DataKeyRing {
  readonly #keys: ReadonlyMap<string, DataKey>;
  readonly #derived = new Map<string, CryptoKey>();
  /** The key that seals. */
  readonly current: string;

  constructor(keys: readonly DataKey[]) {
    const [first] = keys;
    if (first === undefined) throw new TypeError("a key ring has a key");
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.current = first.id;
  }

  /** Seals text for a purpose and a place. */
  async seal(purpose: string, context: string, text: string): Promise<Uint8Array> {
    const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
    const key = await this.#keyFor(this.current, purpose);
    const sealed = await crypto.subtle.encrypt(gcm(nonce, this.current, context), key, utf8(text));
    const id = utf8(this.current);
    return Buffer.concat([Uint8Array.of(id.length), id, nonce, new Uint8Array(sealed)]);
  }

  /** Opens what `seal` sealed; rejects if a byte, the purpose or the context is another, or if its key is gone. */
  async open(purpose: string, context: string, sealed: Uint8Array): Promise<string> {
    const id = keyIdOf(sealed);
    const at = 1 + utf8(id).length;
    const key = await this.#keyFor(id, purpose);
    const nonce = new Uint8Array(sealed.subarray(at, at + nonceBytes));
    const content = new Uint8Array(sealed.subarray(at + nonceBytes));
    return new TextDecoder().decode(await crypto.subtle.decrypt(gcm(nonce, id, context), key, content));
  }

  /** Whether the key that sealed something is here. */
  has(sealed: Uint8Array): boolean {
    return this.#keys.has(keyIdOf(sealed));
  }

  async #keyFor(id: string, purpose: string): Promise<CryptoKey> {
    const name = `${id}/${purpose}`;
    const known = this.#derived.get(name);
    if (known !== undefined) return known;
    const found = this.#keys.get(id);
    if (found === undefined) throw new Error("the key of a sealed value is not in the ring");
    const secret = new Uint8Array(base64url.decode(found.key));
    const base = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
    const hkdf = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: utf8(purpose) };
    const key = await crypto.subtle.deriveKey(hkdf, base, { name: "AES-GCM", length: 256 }, false, [
      "encrypt",
      "decrypt",
    ]);
    this.#derived.set(name, key);
    return key;
  }
}

/** The id of the key that sealed something. */
export function keyIdOf(sealed: Uint8Array): string {
  return new TextDecoder().decode(sealed.subarray(1, 1 + (sealed[0] ?? 0)));
}

function gcm(iv: Uint8Array<ArrayBuffer>, id: string, context: string) {
  return { name: "AES-GCM", iv, additionalData: utf8(`${id}\n${context}`) };
}

/** Copied by the constructor: `Uint8Array.from` goes through an iterator, byte by byte. */
function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(encoder.encode(text));
}
