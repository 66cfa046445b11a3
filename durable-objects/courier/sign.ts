/** What signs: several while one secret replaces another. */
export interface SigningSecret {
  /** HMAC-SHA-256 (`v1`). */
  readonly hmac: Uint8Array<ArrayBuffer>;
  /** Ed25519 (`v1a`), PKCS #8; null where it was not asked for. */
  readonly ed25519: Uint8Array<ArrayBuffer> | null;
}

/** What of a webhook is signed. `timestamp` in seconds. */
export interface Signable {
  readonly id: string;
  readonly timestamp: number;
  readonly body: Uint8Array;
}

/**
 * The `webhook-signature` header: `v1,` (and `v1a,`) signatures of `id.timestamp.body` by each secret, separated by spaces
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme).
 */
export async function signatureHeader(signable: Signable, secrets: readonly SigningSecret[]): Promise<string> {
  const head = new TextEncoder().encode(`${signable.id}.${signable.timestamp}.`);
  const content = new Uint8Array(head.length + signable.body.length);
  content.set(head);
  content.set(signable.body, head.length);
  const signatures = await Promise.all(
    secrets.flatMap(({ hmac, ed25519 }) => [
      signV1(hmac, content),
      ...(ed25519 === null ? [] : [signV1a(ed25519, content)]),
    ]),
  );
  return signatures.join(" ");
}

async function signV1(secret: Uint8Array<ArrayBuffer>, content: Uint8Array<ArrayBuffer>): Promise<string> {
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return `v1,${base64(await crypto.subtle.sign("HMAC", key, content))}`;
}

async function signV1a(pkcs8: Uint8Array<ArrayBuffer>, content: Uint8Array<ArrayBuffer>): Promise<string> {
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
  return `v1a,${base64(await crypto.subtle.sign("Ed25519", key, content))}`;
}

function base64(bytes: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}
