import { decodeProtectedHeader, errors, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import { AppError } from "../../../schema/errors.ts";
import {
  sessionAudience,
  sessionClaimsSchema,
  sessionTokenType,
  type SessionClaims,
} from "../../../schema/session-token.ts";
import type { RegionKeys } from "./region-keys.ts";

/**
 * Verifies session tokens (JWT, RFC 7519; RFC 8725's rules) without I/O but for the first sight of a region's keys. A verified
 * token is remembered by the isolate until it expires; that says only that it was signed: whether it is still good is the Gate's.
 */
export class SessionTokenVerifier {
  readonly #keys: RegionKeys;
  readonly #issuer: string;
  readonly #now: () => number;
  readonly #verified = new LRUCache<string, SessionClaims>({ max: 10_000 });

  constructor(keys: RegionKeys, issuer: string, now: () => number) {
    this.#keys = keys;
    this.#issuer = issuer;
    this.#now = now;
  }

  /** The claims of a token; `unauthorized` (401) for one that is not ours, not for this, or over. */
  async verify(token: string, waitUntil: (promise: Promise<unknown>) => void): Promise<SessionClaims> {
    const known = this.#verified.get(token);
    if (known !== undefined) {
      if (known.exp * 1000 > this.#now()) return known;
      this.#verified.delete(token);
      throw new AppError("unauthorized");
    }
    const claims = await this.#verifyNow(token, waitUntil);
    this.#verified.set(token, claims);
    return claims;
  }

  async #verifyNow(token: string, waitUntil: (promise: Promise<unknown>) => void): Promise<SessionClaims> {
    try {
      const { kid } = decodeProtectedHeader(token);
      const found = typeof kid === "string" ? await this.#keys.find(kid, waitUntil) : null;
      if (found === null) throw new AppError("unauthorized");
      const { payload } = await jwtVerify(token, found.key, {
        algorithms: ["EdDSA"],
        typ: sessionTokenType,
        issuer: this.#issuer,
        audience: sessionAudience,
        requiredClaims: ["exp", "iat"],
        currentDate: new Date(this.#now()),
      });
      const claims = sessionClaimsSchema.parse(payload);
      if (claims.rgn !== found.region) throw new AppError("unauthorized");
      return claims;
    } catch (error) {
      const refused = error instanceof errors.JOSEError || error instanceof z.ZodError || error instanceof TypeError;
      if (refused) throw new AppError("unauthorized", { cause: error });
      if (error instanceof AppError) throw error;
      throw new AppError("unavailable", { cause: error });
    }
  }
}
