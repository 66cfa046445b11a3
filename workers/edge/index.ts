import { AppError } from "../../schema/errors.ts";
import { newId } from "../../schema/ids.ts";
import { problemResponse } from "../../schema/problem.ts";
import { logFailure } from "../serve/log-failure.ts";
import { route } from "./app.ts";
import { loginLookup } from "./login-lookup.ts";
import { edgeOf } from "./settings.ts";
import { finish } from "./stages/finish.ts";
import type { Passage } from "./stages/passage.ts";
import { record } from "./stages/record.ts";
import { readFacts } from "./stages/request-facts.ts";

/** The edge: the only public Worker. */
export default {
  async fetch(request, env, ctx): Promise<Response> {
    const url = URL.parse(request.url);
    if (url === null) return problemResponse(new AppError("not_found"), { requestId: newId("request"), path: "" });
    const edge = edgeOf(env);
    const passage: Passage = {
      request,
      facts: readFacts(request, url, edge.local),
      edge,
      directory: loginLookup(env.DIRECTORY),
      waitUntil: (promise) => ctx.waitUntil(promise),
      operation: "none",
      contract: null,
      params: {},
      recorded: null,
      region: null,
      limits: [],
      corsOrigins: null,
      proxied: false,
    };
    const answered = answerAndRecord(passage, env.OPERATOR);
    // A client that hangs up ends its request: what it has set going must still be recorded.
    ctx.waitUntil(answered);
    return answered;
  },
} satisfies ExportedHandler<EdgeEnv>;

async function answerAndRecord(passage: Passage, global: Fetcher): Promise<Response> {
  return finish(await record(passage, await answer(passage, global)), passage);
}

async function answer(passage: Passage, global: Fetcher): Promise<Response> {
  const { requestId, url } = passage.facts;
  try {
    return await route(passage, global);
  } catch (error) {
    passage.proxied = false;
    await letPagesRead(passage);
    const response = problemResponse(error, { requestId, path: url.pathname });
    if (response.status >= 500 && !isByDesign(error))
      logFailure(error, { worker: "edge", requestId, operation: passage.operation });
    return response;
  }
}

/** A page must be able to read why it was refused, also before the customer is known: a problem tells nothing of anybody. */
async function letPagesRead(passage: Passage): Promise<void> {
  if (passage.corsOrigins !== null || !passage.request.headers.has("origin")) return;
  passage.corsOrigins = await passage.edge.config.corsOrigins(passage.waitUntil).catch(() => null);
}

/** A closed or draining region refuses because an operator said so. */
function isByDesign(error: unknown): boolean {
  return error instanceof AppError && (error.code === "region_closed" || error.code === "region_draining");
}
