import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { AppError } from "../../../schema/errors.ts";

/** Verifies what Cloudflare Access puts on a request that it let through. */
export class AccessVerifier {
  readonly #issuer: string;
  readonly #audience: string;
  readonly #keys: ReturnType<typeof createRemoteJWKSet>;

  constructor(teamDomain: string, audience: string) {
    this.#issuer = teamDomain.replace(/\/$/, "");
    this.#audience = audience;
    this.#keys = createRemoteJWKSet(new URL("/cdn-cgi/access/certs", teamDomain));
  }

  /** The operator's id at Access; `unauthorized` (401) for an assertion that Access did not make for this application. */
  async verify(assertion: string): Promise<string> {
    try {
      const options = { issuer: this.#issuer, audience: this.#audience, algorithms: ["RS256"] };
      const { payload } = await jwtVerify(assertion, this.#keys, options);
      if (typeof payload.sub !== "string" || payload.sub === "") throw new AppError("unauthorized");
      return payload.sub;
    } catch (error) {
      if (error instanceof errors.JWKSTimeout) throw new AppError("unavailable", { cause: error });
      throw new AppError("unauthorized", { cause: error });
    }
  }
}
