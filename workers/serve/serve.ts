import { Hono, type Context } from "hono";
import { AppError } from "../../schema/errors.ts";
import { forwardedHeader, recordedHeader, resourceHeader } from "../../schema/forwarded.ts";
import type { RouteContract, RouteInput } from "../../schema/http/route.ts";
import { problemResponse } from "../../schema/problem.ts";
import { authorize } from "./authorize.ts";
import { isDatabaseAway } from "./is-database-away.ts";
import { withInvocation, type Invocation } from "./invocation.ts";
import { logFailure } from "./log-failure.ts";
import { maximumBodyBytes, readJson } from "./read-body.ts";
import { readServed, type Reply, type Served } from "./served.ts";
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

type App<Env> = Hono<{ Bindings: Env & object }>;

/** A Hono app that answers unknown paths and failures as problems. `worker` names it in logs. */
export function createApp<Env>(worker: string): App<Env> {
  const app: App<Env> = new Hono();
  app.notFound((c) => failure(new AppError("not_found"), c, worker, "none"));
  app.onError((error, c) => failure(error, c, worker, "none"));
  return app;
}

/** Serves a route of the contract on `app`: authorize, read, validate, handle, answer. */
export function serve<const R extends RouteContract, Env>(
  app: App<Env>,
  worker: string,
  contract: R,
  handler: Handler<R, Env>,
  around: Around<Env> = (_contract, _served, _env, run) => run(),
): void {
  app.on(contract.method, contract.path.replaceAll(/\{(\w+)\}/g, ":$1"), async (c) => {
    try {
      return await withInvocation(c.executionCtx, (invocation) => answer(c, invocation, contract, handler, around));
    } catch (error) {
      return failure(error, c, worker, contract.operationId);
    }
  });
}

async function answer<R extends RouteContract, Env>(
  c: Context<{ Bindings: Env & object }>,
  invocation: Invocation,
  contract: R,
  handler: Handler<R, Env>,
  around: Around<Env>,
): Promise<Response> {
  const unread = readServed(c.req.raw, new Uint8Array(), invocation);
  authorize(contract.access, unread.actor);
  const params = readParams(contract, c.req.param());
  const query = contract.query && validate(contract.query, c.req.query());
  const read = contract.body && (await readJson(c.req.raw, bodyRules(contract)));
  const body = contract.body && validate(contract.body, read?.value);
  const served = read ? { ...unread, bodyBytes: read.bytes } : unread;
  const input = { params, query, body } as RouteInput<R>;
  const reply = await around(contract, served, c.env, () => handler(input, served, c.env));
  if (c.req.method !== "HEAD" || reply.stream === undefined) return replyResponse(reply);
  // Nobody will read it: what writes it must not wait for that.
  const { stream, ...bare } = reply;
  await stream.cancel();
  return replyResponse(bare);
}

/** How the body of a route is read. */
export function bodyRules({ bodyOptional, bodyLimit }: RouteContract): { optional: boolean; limit: number } {
  return { optional: bodyOptional ?? false, limit: bodyLimit ?? maximumBodyBytes };
}

/** A path whose parameter cannot be an id names nothing: 404. */
function readParams(contract: RouteContract, params: Record<string, string>): unknown {
  if (contract.params === undefined) return undefined;
  const parsed = contract.params.safeParse(params);
  if (!parsed.success) throw new AppError("not_found");
  return parsed.data;
}

/** A reply as a response. */
export function replyResponse({ status, body, stream, headers, created, recorded }: Reply): Response {
  const told = {
    ...(created !== undefined && { [resourceHeader]: created }),
    ...(recorded !== undefined && { [recordedHeader]: recorded }),
  };
  const init = { status, headers: { ...headers, ...told } };
  if (stream !== undefined) return new Response(stream, init);
  return body === undefined ? new Response(null, init) : Response.json(body, init);
}

function failure(error: unknown, c: Context, worker: string, operation: string): Response {
  const requestId = c.req.header(forwardedHeader.requestId) ?? "";
  const shown = isDatabaseAway(error) ? new AppError("unavailable", { cause: error }) : error;
  const response = problemResponse(shown, { requestId, path: c.req.path });
  if (response.status >= 500) logFailure(error, { worker, requestId, operation });
  return response;
}
