import { AppError } from "../../../schema/errors.ts";
import type { ClaimedCaller } from "../../../schema/forwarded.ts";
import type { Region } from "../../../schema/regions.ts";
import type { Edge } from "../settings.ts";
import { refuseCrossSite } from "./csrf.ts";
import { readCredential } from "./read-credential.ts";
import type { ClientRequest } from "./read-request.ts";

/** A caller whose credential has a valid signature or checksum, and its home region. Whether it is still good the Gate decides. */
export interface Authenticated {
  readonly region: Region;
  readonly caller: ClaimedCaller;
}

/** Authenticates without I/O; `unauthorized` (401), one reason for all. */
export async function authenticate(
  { raw, url }: ClientRequest,
  edge: Edge,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<Authenticated> {
  const credential = readCredential(raw.headers);
  if (credential === null) throw new AppError("unauthorized");
  if (credential.kind === "api_key") {
    if (credential.fromCookie) throw new AppError("unauthorized");
    const { region, id, secretHash } = await edge.apiKeys.verify(credential.text);
    return { region, caller: { kind: "api_key", id, secret_hash: secretHash } };
  }
  const { rgn, sub, sid, cid, ctr } = await edge.sessionTokens.verify(credential.text, waitUntil);
  if (credential.fromCookie) refuseCrossSite(raw, url.origin);
  return { region: rgn, caller: { kind: "session", id: sub, session_id: sid, customer_id: cid, country: ctr } };
}
