import { AppError } from "../../../schema/errors.ts";

const safeMethods = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses (403) an unsafe request that a browser may have sent for another site with the cookie: that counts only with an `Origin`
 * that is our own. A bearer credential is never sent by itself.
 */
export function refuseCrossSite(request: Request, ownOrigin: string): void {
  if (safeMethods.has(request.method)) return;
  if (request.headers.get("origin") !== ownOrigin) throw new AppError("cross_site_request");
}

/**
 * Refuses (403) an unsafe request of a page of another origin to an operator route. Cloudflare Access vouches by a cookie of its
 * own, which a browser sends along; tools send no `Origin`.
 */
export function refuseForeignPage(request: Request, ownOrigin: string): void {
  if (request.headers.has("origin")) refuseCrossSite(request, ownOrigin);
}
