import type { Proof } from "../../../schema/admission.ts";
import { AppError } from "../../../schema/errors.ts";
import type { Region } from "../../../schema/regions.ts";
import { refuseCrossSite } from "./csrf.ts";
import type { Passage } from "./passage.ts";
import { readCredential } from "./read-credential.ts";

/** Who a credential says its bearer is, proven by signature or checksum alone. Whether it is still good is the Gate's to say. */
export interface Claimed {
  readonly region: Region;
  readonly principalId: string;
  readonly proof: Proof;
  /** What a session token tells besides; an API key tells nothing. */
  readonly session: { readonly id: string; readonly customerId: string; readonly country: string | null } | null;
}

/** Authenticates without I/O; `unauthorized` (401), one reason for all. */
export async function authenticate({ request, facts, edge, waitUntil }: Passage): Promise<Claimed> {
  const credential = readCredential(request.headers);
  if (credential === null) throw new AppError("unauthorized");
  if (credential.kind === "api_key") {
    if (credential.fromCookie) throw new AppError("unauthorized");
    const { region, id, secretHash } = await edge.apiKeys.verify(credential.text);
    return { region, principalId: id, proof: { kind: "secret", hash: secretHash }, session: null };
  }
  const claims = await edge.sessionTokens.verify(credential.text, waitUntil);
  if (credential.fromCookie) refuseCrossSite(request, facts.url.origin);
  return {
    region: claims.rgn,
    principalId: claims.sub,
    proof: { kind: "session", sessionId: claims.sid },
    session: { id: claims.sid, customerId: claims.cid, country: claims.ctr },
  };
}
