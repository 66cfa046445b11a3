import { base64url, calculateJwkThumbprint, importJWK, type CryptoKey, type JWK } from "jose";
import { z } from "zod";

/** A customer's public key, as it is stored and used: the members that make the key, and nothing else (RFC 7517, 7518, 8037). */
export type PublicJwk =
  | { readonly kty: "OKP"; readonly crv: "X25519"; readonly x: string }
  | { readonly kty: "EC"; readonly crv: "P-256"; readonly x: string; readonly y: string }
  | { readonly kty: "RSA"; readonly n: string; readonly e: string };

/** A JWK in a request: members are looked at one by one, so that a refusal can say why. */
export const jwkSchema = z
  .record(z.string().max(64), z.unknown())
  .meta({ example: { kty: "OKP", crv: "X25519", x: "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo" } });

/** What a JWK turned out to be. */
export type CheckedJwk =
  | { readonly kind: "good"; readonly jwk: PublicJwk; readonly kid: string }
  | { readonly kind: "refused"; readonly reason: string };

/** How the content key is encrypted to a key of each type (RFC 7518 §4). */
export function algorithmFor(jwk: PublicJwk): "ECDH-ES+A256KW" | "RSA-OAEP-256" {
  return jwk.kty === "RSA" ? "RSA-OAEP-256" : "ECDH-ES+A256KW";
}

/** Members that only a private or symmetric key has (RFC 7518 §6). */
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/** NIST SP 800-57 part 1: 112 bits of strength; more than 8192 bits would only cost us. */
const rsaBits = { least: 2048, most: 8192 };
const smallPrimes = [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97];

/** Checks a key that a customer wants webhooks encrypted to: of a type that is taken, public, strong, and a key at all. */
export async function checkPublicKey(input: z.output<typeof jwkSchema>): Promise<CheckedJwk> {
  const found = privateMembers.find((member) => Object.hasOwn(input, member));
  if (found !== undefined)
    return refused(`holds the private member "${found}": that key must be taken for compromised, make another`);
  if (input["use"] !== undefined && input["use"] !== "enc") return refused('must have the use "enc", or none');
  const jwk = membersOf(input);
  if (typeof jwk === "string") return refused(jwk);
  const algorithm = algorithmFor(jwk);
  if (input["alg"] !== undefined && input["alg"] !== algorithm)
    return refused(`must have the alg "${algorithm}", or none`);
  const weakness = jwk.kty === "RSA" ? weaknessOfRsa(jwk) : await weaknessOfPoint(jwk);
  if (weakness !== null) return refused(weakness);
  return { kind: "good", jwk, kid: await calculateJwkThumbprint(jwk) };
}

function refused(reason: string): CheckedJwk {
  return { kind: "refused", reason };
}

function membersOf({ kty, crv, x, y, n, e }: Record<string, unknown>): PublicJwk | string {
  if (kty === "RSA") {
    if (!isBase64url(n, 4, 1024) || !isBase64url(e, 1, 8)) return "must have n and e in base64url";
    return { kty, n, e };
  }
  if (kty === "OKP" && crv === "X25519")
    return isBase64url(x, 32, 32) ? { kty, crv, x } : "must have an x of 32 bytes in base64url";
  if (kty === "EC" && crv === "P-256") {
    if (!isBase64url(x, 32, 32) || !isBase64url(y, 32, 32)) return "must have an x and a y of 32 bytes in base64url";
    return { kty, crv, x, y };
  }
  return "must be a key of the type OKP with X25519, EC with P-256, or RSA";
}

function isBase64url(value: unknown, least: number, most: number): value is string {
  if (typeof value !== "string" || value.length > most * 2 || !/^[\w-]+$/.test(value)) return false;
  try {
    const bytes = base64url.decode(value);
    return bytes.length >= least && bytes.length <= most && base64url.encode(bytes) === value;
  } catch {
    return false;
  }
}

function weaknessOfRsa({ n, e }: { readonly n: string; readonly e: string }): string | null {
  const modulus = integer(n);
  const bits = modulus.toString(2).length;
  if (bits < rsaBits.least) return `is weak: ${bits} bits, of which there must be ${rsaBits.least}`;
  if (bits > rsaBits.most) return `is too long: ${bits} bits, of which there may be ${rsaBits.most}`;
  // FIPS 186-5 §A.1.1: 2^16 < e, odd; BoringSSL, which encrypts, takes 33 bits.
  const exponent = integer(e);
  if (exponent >= 2n ** 33n) return "must have an e of at most 33 bits, as 65537 is";
  if (exponent < 65_537n || exponent % 2n === 0n) return "is weak: e must be odd and at least 65537";
  const even = modulus % 2n === 0n;
  if (even || smallPrimes.some((prime) => modulus % BigInt(prime) === 0n)) return "is weak: n has a small factor";
  return null;
}

/** A point that is not on the curve, or that makes every secret the same one (RFC 7748 §6.1, SEC 1 §3.2.2.1). */
async function weaknessOfPoint(jwk: Exclude<PublicJwk, { kty: "RSA" }>): Promise<string | null> {
  const name = jwk.kty === "OKP" ? "X25519" : "ECDH";
  const algorithm = jwk.kty === "OKP" ? { name } : { name, namedCurve: jwk.crv };
  try {
    const theirs = (await importJWK(jwk as JWK, "ECDH-ES")) as CryptoKey;
    const ours = (await crypto.subtle.generateKey(algorithm, false, ["deriveBits"])) as {
      readonly privateKey: CryptoKey;
    };
    const secret = await crypto.subtle.deriveBits({ name, public: theirs } as never, ours.privateKey, 256);
    return new Uint8Array(secret).every((byte) => byte === 0) ? "is weak: a point of small order" : null;
  } catch {
    return "is not a point that can be used on its curve";
  }
}

function integer(text: string): bigint {
  const hex = Array.from(base64url.decode(text), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return BigInt(`0x${hex}`);
}
