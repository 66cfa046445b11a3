import { commit, personalBytes, saltBytes } from "../../schema/audit/leaf.ts";
import type { Personal } from "../../schema/audit/entry.ts";

/** AES-256-GCM needs a fresh 96-bit nonce for each message (NIST SP 800-38D §8.2.2). */
const nonceBytes = 12;

/** Personal fields as they are stored: what was committed to, and what only the data key opens. Base64 both. */
export interface SealedPersonal {
  readonly commitment: string;
  /** Null: there was no key any more. */
  readonly sealed: string | null;
}

/** Personal fields opened, with the salt that shows that they are what was committed to (base64). */
export interface OpenedPersonal extends Personal {
  readonly salt: string;
}

/** A subject's data key, ready to use. */
export function importDataKey(raw: Uint8Array): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", new Uint8Array(raw), "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** Seals the personal fields of the record `id` under its subject's data key, with a salt; `key` null: they are erased as they come. */
export async function sealPersonal(id: string, personal: Personal, key: CryptoKey | null): Promise<SealedPersonal> {
  const salt = crypto.getRandomValues(new Uint8Array(saltBytes));
  const fields = personalBytes(personal);
  const commitment = commit(salt, fields);
  if (key === null) return { commitment, sealed: null };
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
  const content = new Uint8Array(Buffer.concat([salt, fields]));
  const sealed = await crypto.subtle.encrypt(parameters(nonce, id), key, content);
  return { commitment, sealed: Buffer.concat([nonce, new Uint8Array(sealed)]).toString("base64") };
}

/** Opens what `sealPersonal` sealed; null if a byte, the id or the key is another. */
export async function openPersonal(id: string, sealed: Uint8Array, key: CryptoKey): Promise<OpenedPersonal | null> {
  try {
    const nonce = new Uint8Array(sealed.subarray(0, nonceBytes));
    const opened = new Uint8Array(
      await crypto.subtle.decrypt(parameters(nonce, id), key, new Uint8Array(sealed.subarray(nonceBytes))),
    );
    const salt = Buffer.from(opened.subarray(0, saltBytes)).toString("base64");
    return { ...(JSON.parse(new TextDecoder().decode(opened.subarray(saltBytes))) as Personal), salt };
  } catch (error) {
    // What GCM does not authenticate rejects with an OperationError.
    if (error instanceof DOMException) return null;
    throw error;
  }
}

function parameters(iv: Uint8Array<ArrayBuffer>, id: string) {
  return { name: "AES-GCM", iv, additionalData: new Uint8Array(new TextEncoder().encode(id)) };
}
