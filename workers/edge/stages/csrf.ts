import { AppError } from "../../../schema/errors.ts";
import type { Credential } from "./read-credential.ts";

const safeMethods = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses (403) an unsafe request that a browser may have sent for another site: the cookie counts only with an `Origin` that is
 * our own. A bearer credential is never sent by itself.
 */
export function refuseCrossSite(request: Request, credential: Credential, ownOrigin: string): void {
  if (!credential.fromCookie || safeMethods.has(request.method)) return;
  if (request.headers.get("origin") !== ownOrigin) throw new AppError("cross_site_request");
}
