import { AppError } from "../../schema/errors.ts";
import { returnedHeader } from "../../schema/forwarded.ts";
import type { RouteContract, RouteInput } from "../../schema/http/route.ts";
import { problemResponse } from "../../schema/problem.ts";
import { authorize } from "./authorize.ts";
import { isDatabaseUnavailable } from "./is-database-unavailable.ts";
import { logFailure } from "./log-failure.ts";
import { maximumBodyBytes, readJson } from "./read-body.ts";
import type { Received } from "./receive.ts";
import type { Reply, Served } from "./served.ts";
import { validate } from "./validate.ts";

/** Answers one route: validated input and the facts of the request in, a reply out, `AppError` to abort. */
export type Handler<R extends RouteContract, Env> = (input: RouteInput<R>, served: Served, env: Env) => Promise<Reply>;

/** What stands around every handler of a Worker, as idempotency does. */
export type Around<Env> = (
  contract: RouteContract,
  served: Served,
  env: Env,
  run: () => Promise<Reply>,
) => Promise<Reply>;

type Route<Env> = (request: Request, served: Served, params: Params, env: Env) => Promise<Response>;

type Params = Readonly<Record<string, string>>;

/** The routes that a Worker serves, by operation. */
export type App<Env> = Map<string, Route<Env>>;

/** An app without routes. */
export function createApp<Env>(): App<Env> {
  return new Map();
}

/** Serves a route of the contract on `app`: authorize, read, validate, handle, answer. */
export function serve<const R extends RouteContract, Env>(
  app: App<Env>,
  contract: R,
  handler: Handler<R, Env>,
  around: Around<Env> = (_contract, _served, _env, run) => run(),
): void {
  app.set(contract.operationId, async (request, unread, params, env) => {
    authorize(contract.access, unread.actor);
    const named = readParams(contract, params);
    const query = contract.query && validate(contract.query, queryOf(new URL(request.url)));
    const read = contract.body && (await readJson(request, bodyRules(contract)));
    const body = contract.body && validate(contract.body, read?.value);
    const served = read ? { ...unread, bodyBytes: read.bytes } : unread;
    const input = { params: named, query, body } as RouteInput<R>;
    const reply = await around(contract, served, env, () => handler(input, served, env));
    if (request.method !== "HEAD" || reply.stream === undefined) return replyResponse(reply);
    // No one will read it: what writes it must not wait for that.
    const { stream, ...bare } = reply;
    await stream.cancel();
    return replyResponse(bare);
  });
}

/** Answers a request for `contract`; rejects with what went wrong. 404 for a route that the Worker does not serve. */
export async function answer<Env>(
  app: App<Env>,
  contract: RouteContract,
  params: Params,
  request: Request,
  served: Served,
  env: Env,
): Promise<Response> {
  const route = app.get(contract.operationId);
  if (route === undefined) throw new AppError("not_found");
  return route(request, served, params, env);
}

/** The query of a URL, one value for each name: the last. */
export function queryOf(url: URL): Record<string, string> {
  return Object.fromEntries(url.searchParams);
}

/** How the body of a route is read. */
export function bodyRules({ bodyOptional, bodyLimit }: RouteContract): { optional: boolean; limit: number } {
  return { optional: bodyOptional ?? false, limit: bodyLimit ?? maximumBodyBytes };
}

/** A path whose parameter cannot be an id names nothing: 404. */
function readParams(contract: RouteContract, params: Params): unknown {
  if (contract.params === undefined) return undefined;
  const parsed = contract.params.safeParse(params);
  if (!parsed.success) throw new AppError("not_found");
  return parsed.data;
}

/** A reply as a response. */
function replyResponse({ status, body, stream, headers, created, recorded, concerns }: Reply): Response {
  const returned = {
    ...(created !== undefined && { [returnedHeader.resource]: created }),
    ...(recorded !== undefined && { [returnedHeader.recorded]: recorded }),
    ...(concerns !== undefined && { [returnedHeader.concerns]: `${concerns.id}/${concerns.default_region}` }),
  };
  const init = { status, headers: { ...headers, ...returned } };
  if (stream !== undefined) return new Response(stream, init);
  return body === undefined ? new Response(null, init) : Response.json(body, init);
}

/** The response to a request that failed, as a problem. A failure that is not by design is logged. */
export function failureResponse(
  error: unknown,
  { requestId, url }: Pick<Received, "requestId" | "url">,
  context: { readonly worker: string; readonly operation: string },
): Response {
  const shown =
    !(error instanceof AppError) && isDatabaseUnavailable(error)
      ? new AppError("unavailable", { cause: error })
      : error;
  const response = problemResponse(shown, { requestId, path: url.pathname });
  if (response.status >= 500 && !isByDesign(error)) logFailure(error, { ...context, requestId });
  return response;
}

/** A closed or draining region refuses because an operator said so. */
function isByDesign(error: unknown): boolean {
  return error instanceof AppError && (error.code === "region_closed" || error.code === "region_draining");
}
