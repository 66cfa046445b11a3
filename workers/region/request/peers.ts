import { AppError } from "../../../schema/errors.ts";
import { writeForwarded, type Actor } from "../../../schema/forwarded.ts";
import type { Region } from "../../../schema/regions.ts";
import { mayHaveChanged } from "../../serve/audit-entry.ts";
import { interrupted } from "../../serve/interrupted.ts";
import type { Received } from "../../serve/receive.ts";

/** What a request to a peer differs in from the one that came. */
export interface PeerRequest {
  /** The body, where it was read already. */
  readonly body?: Uint8Array;
  /** The URL to ask instead. */
  readonly url?: URL;
}

/**
 * Sends a request to another region's Worker, on behalf of an actor whom this region has admitted and whom it records. 503 when the
 * peer does not respond; for a change with the warning that it may have been carried out.
 */
export async function askPeer(
  region: Region,
  actor: Actor,
  request: Request,
  received: Received,
  env: RegionEnv,
  { body, url }: PeerRequest = {},
): Promise<Response> {
  const headers = new Headers(request.headers);
  // The body may be a part of the one that came: its length is then another.
  if (body !== undefined) headers.delete("content-length");
  writeForwarded(headers, { ...received, caller: { kind: "admitted", actor } });
  const { method } = request;
  const bodiless = method === "GET" || method === "HEAD";
  try {
    const init = { method, headers, body: bodiless ? null : (body ?? request.body), redirect: "manual" } as const;
    const response = await peerOf(region, env).fetch((url ?? received.url).href, init);
    // A copy: the headers of a fetched response cannot be changed.
    return new Response(response.body, response);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw mayHaveChanged(method, 503) ? interrupted(cause) : new AppError("unavailable", { cause });
  }
}

function peerOf(region: Region, env: RegionEnv): Fetcher {
  // Each region's configuration binds the others; the generated type is one of theirs.
  const peer = (env as unknown as Readonly<Record<string, Fetcher | undefined>>)[`PEER_${region.toUpperCase()}`];
  if (peer === undefined) throw new Error(`no binding to the peer region ${region}`);
  return peer;
}
