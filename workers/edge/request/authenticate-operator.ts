import { AppError } from "../../../schema/errors.ts";
import type { Edge } from "../settings.ts";
import { readCredential } from "./read-credential.ts";

/**
 * The id of the operator behind a request; `unauthorized` (401) without one. In production only Cloudflare Access is believed
 * (https://developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie/validating-json/);
 * on one machine only the bearer secret.
 */
export async function authenticateOperator(request: Request, edge: Edge): Promise<string> {
  if (!edge.local) {
    const assertion = request.headers.get("cf-access-jwt-assertion");
    if (assertion === null) throw new AppError("unauthorized");
    return edge.access.verify(assertion);
  }
  const credential = readCredential(request.headers);
  if (credential === null || credential.fromCookie) throw new AppError("unauthorized");
  if (!(await equalSecrets(credential.text, edge.operatorToken))) throw new AppError("unauthorized");
  return "local";
}

/** Compares digests, so that neither length nor content shows in the time. */
async function equalSecrets(left: string, right: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const [a, b] = await Promise.all([left, right].map((text) => crypto.subtle.digest("SHA-256", encoder.encode(text))));
  return a !== undefined && b !== undefined && crypto.subtle.timingSafeEqual(a, b);
}
