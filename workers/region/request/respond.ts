import { AppError } from "../../../schema/errors.ts";
import type { Actor, Caller, ClaimedCaller } from "../../../schema/forwarded.ts";
import type { RouteContract } from "../../../schema/http/route.ts";
import type { Region } from "../../../schema/regions.ts";
import { claimedSubject } from "../../serve/audit-entry.ts";
import { withInvocation } from "../../serve/invocation.ts";
import { matchRoute, type Match } from "../../serve/match-route.ts";
import { receive, type Received } from "../../serve/receive.ts";
import { answer } from "../../serve/serve.ts";
import { servedOf } from "../../serve/served.ts";
import { app } from "../app.ts";
import { settingsOf } from "../settings.ts";
import { attempted } from "./attempted.ts";
import { closedRegions, refuseClosed } from "./configuration.ts";
import { enter } from "./enter.ts";
import { finish, unknownCaller } from "./finish.ts";
import { record } from "./record.ts";
import { respondToOperator } from "./respond-to-operator.ts";
import { serveCaller, type Asked, type ContractMatch } from "./serve.ts";

/** A request with its route. */
type Matched = Omit<Asked, "match"> & { readonly match: Match };

/** Answers a request from the edge or from a peer region. */
export function respond(request: Request, env: RegionEnv, ctx: ExecutionContext): Promise<Response> {
  const received = receive(request);
  const responding = withInvocation(ctx, (invocation) => {
    const match = matchRoute(received.method, received.url.pathname);
    return respondTo({ request, received, match, env, invocation });
  });
  // A client that hangs up ends its request: what it has started must still be recorded.
  ctx.waitUntil(responding);
  return responding;
}

function respondTo(matched: Matched): Promise<Response> {
  const { received, match } = matched;
  const { caller } = received;
  switch (caller.kind) {
    case "session":
    case "api_key":
      return toCaller(matched, caller);
    case "operator":
      return respondToOperator({ ...matched, match: contractOf(match) }, caller);
    case "guest":
      return toGuest({ ...matched, match: contractOf(match) });
    case "admitted":
      return toPeer(matched, caller);
    default:
      return caller satisfies never;
  }
}

/** A request with a credential: admit, check the customer, authorize, serve or proxy, record, finish. */
async function toCaller(matched: Matched, caller: ClaimedCaller): Promise<Response> {
  const { received, match, env, invocation } = matched;
  const { waitUntil } = invocation;
  const { region } = settingsOf(env);
  const { subject, limits, refusal, customer, result } = await enter(received, caller, env, waitUntil);
  const attempt = await attempted(received, match, () => {
    if (result.kind === "refused") throw result.error;
    return serveCaller(matched, result.entered);
  });
  const proxied = attempt.served && match.kind === "proxied";
  const recorded = await record(attempt.response, proxied, { received, match, subject }, env, waitUntil);
  // A 401 must not reveal the home region of an invalid credential.
  const isKnown = attempt.served || recorded.response.status !== 401;
  return finish(recorded.response, {
    region: isKnown ? region : null,
    limits,
    origin: received.origin,
    corsOrigins: customer?.cors_origins ?? (await anyCorsOrigins(received, env, waitUntil)),
    proxied: recorded.proxied,
    settled: recorded.settled,
    refusal,
    keyCustomerId: caller.kind === "api_key" ? (subject?.customerId ?? null) : null,
  });
}

/**
 * A sign-in. An address that is not in the login directory is refused by the same work as a wrong password, and nothing is looked
 * up for a known address that is not for an unknown one: the time it takes would tell.
 */
async function toGuest(asked: Asked): Promise<Response> {
  const { received, match, env, invocation } = asked;
  const { waitUntil } = invocation;
  const { region } = settingsOf(env);
  const corsOrigins = await anyCorsOrigins(received, env, waitUntil);
  const attempt = await attempted(received, match, async () => {
    refuseClosed({ closed: await closedRegions(env, waitUntil) }, region);
    const served = servedOf(received, null, null, invocation);
    return answer(app, match.contract, match.params, asked.request, served, env);
  });
  const subject = claimedSubject(received.caller);
  const { response, settled } = await record(attempt.response, false, { received, match, subject }, env, waitUntil);
  const { origin } = received;
  const known = response.ok ? region : null;
  return finish(response, { ...unknownCaller, region: known, origin, corsOrigins, settled });
}

/**
 * A request that a peer region has admitted, and records. Only for routes that may be served away from the caller's home: never the
 * customer's own API, and nothing of a principal of this region.
 */
async function toPeer(matched: Matched, { actor }: Extract<Caller, { kind: "admitted" }>): Promise<Response> {
  const { received, match, env, invocation, request } = matched;
  const { response } = await attempted(received, match, () => {
    if (match.kind !== "contract" || !mayServeForPeer(match.contract, actor, settingsOf(env).region))
      throw new AppError("forbidden");
    return answer(app, match.contract, match.params, request, servedOf(received, actor, null, invocation), env);
  });
  return response;
}

/** An operator's request reaches a region through a peer only where the edge does not know which region has what it names. */
function mayServeForPeer({ routing = "home" }: RouteContract, actor: Actor, region: Region): boolean {
  if (actor.type === "operator") return routing === "any" || routing === "new-user";
  return routing !== "home" && routing !== "login" && actor.region !== region;
}

/** Origins that some customer allows, for a page whose customer is not known: a refusal says nothing about anyone. */
async function anyCorsOrigins(
  { origin }: Received,
  env: RegionEnv,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<readonly string[]> {
  if (origin === null) return [];
  return settingsOf(env)
    .config.corsOrigins(waitUntil)
    .catch(() => []);
}

function contractOf(match: Match): ContractMatch {
  if (match.kind !== "contract") throw new Error("only a caller with a credential may be proxied");
  return match;
}
