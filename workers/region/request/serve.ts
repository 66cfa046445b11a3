import { AppError } from "../../../schema/errors.ts";
import type { Actor } from "../../../schema/forwarded.ts";
import type { RouteContract } from "../../../schema/http/route.ts";
import type { Region } from "../../../schema/regions.ts";
import { authorize } from "../../serve/authorize.ts";
import type { Invocation } from "../../serve/invocation.ts";
import type { Match } from "../../serve/match-route.ts";
import { readBytes } from "../../serve/read-body.ts";
import type { Received } from "../../serve/receive.ts";
import { answer, bodyRules } from "../../serve/serve.ts";
import { servedOf, type Quota } from "../../serve/served.ts";
import { app } from "../app.ts";
import { settingsOf } from "../settings.ts";
import { proxy } from "../upstream/proxy.ts";
import { chooseRegions } from "./choose-regions.ts";
import { refuseClosed, type Configuration } from "./configuration.ts";
import { divideEvents } from "./divide-events.ts";
import type { Entered } from "./enter.ts";
import { listEach } from "./list-each.ts";
import { askPeer, type PeerRequest } from "./peers.ts";
import { settleHome } from "./settle-home.ts";

/** A route of the contract that a request asks for. */
export type ContractMatch = Extract<Match, { kind: "contract" }>;

/** A request on its way to a handler of this region or of a peer. */
export interface Asked {
  readonly request: Request;
  readonly received: Received;
  readonly match: ContractMatch;
  readonly env: RegionEnv;
  readonly invocation: Invocation;
}

/** Serves a caller who has entered: a route of the contract, here or in a peer region, or the customer's own API. */
export async function serveCaller(
  asked: Omit<Asked, "match"> & { readonly match: Match },
  { principal, customer, configuration, quota }: Entered,
): Promise<Response> {
  const { request, received, match, env } = asked;
  if (match.kind !== "contract") return proxy(request, received, principal, customer, env);
  const { contract, params } = match;
  authorize(contract.access, principal);
  const contractAsked = { ...asked, match };
  switch (contract.routing) {
    case "each":
      return listEach(received, customer.allowed_regions, (region, url) =>
        serveIn(region, principal, configuration, contractAsked, { url }, quota),
      );
    case "subjects":
      return divideEvents(contractAsked, principal, (region, divided, body) =>
        serveIn(region, principal, configuration, divided, { body }, quota),
      );
    case "new-user": {
      const { region, body } = await settleHome(request, received.country, customer);
      return serveIn(region, principal, configuration, contractAsked, { body }, quota);
    }
    default: {
      const regions = chooseRegions(contract, params, received, principal, customer);
      return serveInFirst(regions, principal, configuration, contractAsked, quota);
    }
  }
}

/**
 * Asks regions one after the other until one knows what the path names: an id does not say where it is. A 404 has changed nothing. A
 * closed region that would have to be asked is 503: what is asked for may be there.
 */
export async function serveInFirst(
  regions: readonly Region[],
  actor: Actor,
  configuration: Pick<Configuration, "closed">,
  asked: Asked,
  quota: Quota | null,
): Promise<Response> {
  const { request, match } = asked;
  const several = regions.length > 1;
  const body =
    several && hasBody(request, match.contract) ? await readBytes(request, bodyRules(match.contract).limit) : null;
  for (const [at, region] of regions.entries()) {
    // oxlint-disable no-await-in-loop -- the next is asked only when this one does not know it
    const one = await unlessMissing(
      serveIn(region, actor, configuration, asked, body === null ? {} : { body }, quota),
      at < regions.length - 1,
    );
    if (one !== null) return one;
    // oxlint-enable no-await-in-loop
  }
  throw new AppError("not_found");
}

/** Serves a request in one region: this one, or a peer. 503 if it is closed. */
export async function serveIn(
  region: Region,
  actor: Actor,
  configuration: Pick<Configuration, "closed">,
  { request, received, match, env, invocation }: Asked,
  change: PeerRequest,
  quota: Quota | null,
): Promise<Response> {
  refuseClosed(configuration, region);
  if (region !== settingsOf(env).region) return askPeer(region, actor, request, received, env, change);
  const { url = received.url, body } = change;
  const { method } = request;
  const headers = new Headers(request.headers);
  if (body !== undefined) headers.delete("content-length");
  const here =
    body === undefined && change.url === undefined
      ? request
      : new Request(url, {
          method,
          headers,
          body: method === "GET" || method === "HEAD" ? null : (body ?? request.body),
        });
  return answer(app, match.contract, match.params, here, servedOf(received, actor, quota, invocation), env);
}

/** A response; null for a 404 where `more` regions are to be asked. */
async function unlessMissing(responding: Promise<Response>, more: boolean): Promise<Response | null> {
  try {
    const response = await responding;
    if (response.status !== 404 || !more) return response;
    await response.body?.cancel();
    return null;
  } catch (error) {
    if (more && error instanceof AppError && error.code === "not_found") return null;
    throw error;
  }
}

function hasBody(request: Request, contract: RouteContract): boolean {
  return contract.body !== undefined && request.body !== null && request.method !== "GET" && request.method !== "HEAD";
}
