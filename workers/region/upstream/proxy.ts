import type { Customer } from "../../../schema/config.ts";
import { AppError } from "../../../schema/errors.ts";
import type { Principal } from "../../../schema/principal.ts";
import type { Received } from "../../serve/receive.ts";
import { settingsOf } from "../settings.ts";
import { removeWithheld, upstreamHeaders } from "./headers.ts";
import { upstreamTarget } from "./target.ts";

/**
 * Hands a request to the customer's own API in this region, streaming both ways. 404 if the customer has none here, 403 for an API
 * key without the scope `api`, 502 if it cannot be reached, 504 if its headers take longer than `UPSTREAM_TIMEOUT_MS`. Redirects
 * are the client's to follow.
 */
export async function proxy(
  request: Request,
  received: Received,
  principal: Principal,
  customer: Customer,
  env: RegionEnv,
): Promise<Response> {
  if (principal.type === "api_key" && !principal.scopes.includes("api")) {
    throw new AppError("insufficient_scope", { detail: 'The API key needs the scope "api".' });
  }
  const { region, keys, upstreamTimeoutMs } = settingsOf(env);
  const upstream = customer.upstreams[region];
  const { url, requestId, clientAddress } = received;
  const target = upstream === undefined ? null : upstreamTarget(upstream, url.pathname, url.search);
  if (target === null) throw new AppError("not_found");
  const headers = upstreamHeaders(request.headers, {
    identity: await keys.signIdentity(principal, target.origin, Date.now()),
    requestId,
    clientAddress,
    host: url.host,
    protocol: url.protocol.slice(0, -1),
  });
  // "no-store": the network's cache is nobody's region, and its key has no credential in it, because that is taken off above.
  const init = { method: request.method, headers, redirect: "manual", cache: "no-store" } as const;
  const response = await fetchInTime(target, init, request.body, upstreamTimeoutMs);
  // A copy: the headers of a fetched response cannot be changed.
  const returned = new Response(response.body, response);
  removeWithheld(returned.headers);
  return returned;
}

/** Bounds the time until the response's headers, from the last of the request's body. Bodies may stream for as long as they like. */
async function fetchInTime(
  target: URL,
  init: RequestInit,
  body: Request["body"],
  timeoutMs: number,
): Promise<Response> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  let timer = setTimeout(abort, timeoutMs);
  let waiting = true;
  const moved = (): void => {
    clearTimeout(timer);
    if (waiting) timer = setTimeout(abort, timeoutMs);
  };
  try {
    const sent = body === null ? null : body.pipeThrough(noting(moved));
    return await fetch(target, { ...init, body: sent, signal: controller.signal });
  } catch (cause) {
    throw new AppError(controller.signal.aborted ? "upstream_timeout" : "upstream_unreachable", { cause });
  } finally {
    waiting = false;
    clearTimeout(timer);
  }
}

/** Passes a body through and says each time that it moves. */
function noting(moved: () => void): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform: (chunk, stream) => {
      moved();
      stream.enqueue(chunk);
    },
  });
}
