import { GeneralEncrypt, importJWK, type JWK } from "jose";
import { algorithmFor, type PublicJwk } from "../../schema/webhooks/public-key.ts";

/** A public key of a customer that is valid now. */
export interface Recipient {
  readonly kid: string;
  readonly jwk: PublicJwk;
}

/**
 * A JWE in the general JSON serialization (RFC 7516 §7.2.1), AES-256-GCM, that each of the recipients can open: what was sent during a
 * rotation is readable with the old key and with the new one.
 */
export async function encryptFor(
  recipients: readonly Recipient[],
  plaintext: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const encrypt = new GeneralEncrypt(plaintext).setProtectedHeader({ enc: "A256GCM", cty: "application/json" });
  for (const { kid, jwk } of recipients) {
    const alg = algorithmFor(jwk);
    // oxlint-disable-next-line no-await-in-loop -- recipients are added in order; there are two at most in a rotation
    encrypt.addRecipient(await importJWK(jwk as JWK, alg)).setUnprotectedHeader({ alg, kid });
  }
  return Uint8Array.from(new TextEncoder().encode(JSON.stringify(await encrypt.encrypt())));
}
