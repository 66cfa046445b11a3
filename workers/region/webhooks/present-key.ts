import type { PublicKeyVersion } from "../../../schema/config.ts";
import type { PublicKeyView } from "../../../schema/http/public-keys.ts";

/** The versions of keys as the contract has them: newest key first, each with its valid versions, newest first. */
export function presentKeys(versions: readonly PublicKeyVersion[]): PublicKeyView[] {
  const byId = Map.groupBy(versions, ({ id }) => id);
  return [...byId].map(([id, own]) => ({
    id,
    created_at: new Date(Math.min(...own.map(({ created_at }) => created_at))).toISOString(),
    versions: own.map(({ version, kid, jwk, created_at, expires_at }) => ({
      version,
      kid,
      jwk: { ...jwk },
      created_at: new Date(created_at).toISOString(),
      expires_at: expires_at === null ? null : new Date(expires_at).toISOString(),
    })),
  }));
}
