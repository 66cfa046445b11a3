import { importJWK, SignJWT, type CryptoKey } from "jose";
import { z } from "zod";
import { ExpiringCache } from "../../../durable-objects/expiring-cache.ts";
import type { Principal } from "../../../schema/principal.ts";
import type { Region } from "../../../schema/regions.ts";
import {
  identityTokenType,
  sessionAudience,
  sessionTokenType,
  type SessionClaims,
} from "../../../schema/session-token.ts";

/** A private Ed25519 key as a JWK (RFC 8037) with its `kid`. */
export const privateKeySchema = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.base64url(),
  d: z.base64url(),
  kid: z.string().min(1),
});

/** A private Ed25519 key as a JWK. */
export type PrivateKey = z.infer<typeof privateKeySchema>;

/** Seconds that an upstream may believe an identity. */
const identitySeconds = 60;
/** Milliseconds for which a signed identity is used again. */
const identityReuseMs = 30_000;

/**
 * The region's signing keys. The first signs; all are published. A key is rotated by putting a new one last (published, so that
 * every edge knows it), then first (signing), and taking the old one away after twelve hours: nobody is signed out.
 */
export class KeyRing {
  readonly #keys: readonly PrivateKey[];
  readonly #issuer: string;
  readonly #region: Region;
  readonly #identities = new ExpiringCache<string>(5000);
  #signing: Promise<CryptoKey> | null = null;

  constructor(keys: readonly PrivateKey[], options: { readonly issuer: string; readonly region: Region }) {
    this.#keys = keys;
    this.#issuer = options.issuer;
    this.#region = options.region;
  }

  /** The public keys, as a JWK set (RFC 7517). */
  jwks(): { keys: object[] } {
    const keys = this.#keys.map(({ kty, crv, x, kid }) => ({ kty, crv, x, kid, alg: "EdDSA", use: "sig" }));
    return { keys };
  }

  /** Signs a session token. Times in whole seconds of the epoch. */
  signSession(claims: Pick<SessionClaims, "sub" | "sid" | "cid" | "ctr" | "iat" | "exp">): Promise<string> {
    return this.#sign(sessionTokenType, { ...claims, iss: this.#issuer, aud: sessionAudience, rgn: this.#region });
  }

  /**
   * A signed identity of a principal for the customer's upstream at `audience` (an origin), good for a minute and used again for
   * half of one. Claims: `iss`, `aud`, `sub`, `iat`, `exp`, `principal_type`, `customer_id`, `region`, `role` or `scopes`.
   */
  async signIdentity(principal: Principal, audience: string, now: number): Promise<string> {
    const standing = principal.type === "user" ? { role: principal.role } : { scopes: principal.scopes };
    const key = JSON.stringify([principal.id, audience, standing]);
    const known = this.#identities.get(key, now);
    if (known !== undefined) return known;
    const iat = Math.floor(now / 1000);
    const identity = await this.#sign(identityTokenType, {
      iss: this.#issuer,
      aud: audience,
      sub: principal.id,
      principal_type: principal.type,
      customer_id: principal.customer_id,
      region: this.#region,
      ...standing,
      iat,
      exp: iat + identitySeconds,
    });
    this.#identities.set(key, identity, now + identityReuseMs);
    return identity;
  }

  async #sign(typ: string, claims: Record<string, unknown>): Promise<string> {
    const first = this.#keys[0];
    if (first === undefined) throw new Error("a key ring has a key");
    this.#signing ??= importPrivate(first);
    return new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", typ, kid: first.kid }).sign(await this.#signing);
  }
}

async function importPrivate(key: PrivateKey): Promise<CryptoKey> {
  const imported = await importJWK(key, "EdDSA");
  if (imported instanceof Uint8Array) throw new Error("an Ed25519 key is not a secret");
  return imported;
}
