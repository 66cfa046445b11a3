import { AppError } from "../../schema/errors.ts";
import { newId } from "../../schema/ids.ts";
import { problemResponse } from "../../schema/problem.ts";
import { readRequest } from "./request/read-request.ts";
import { respond } from "./request/respond.ts";
import { edgeOf } from "./settings.ts";

/** The edge: the only public Worker. */
export default {
  async fetch(raw, env, ctx): Promise<Response> {
    const url = URL.parse(raw.url);
    if (url === null) return problemResponse(new AppError("not_found"), { requestId: newId("request"), path: "" });
    const edge = edgeOf(env);
    const responding = respond(readRequest(raw, url, edge.local), edge, (promise) => ctx.waitUntil(promise));
    // A client that hangs up ends its request: what it has started must still be recorded.
    ctx.waitUntil(responding);
    const response = await responding;
    if (edge.calls !== null && raw.headers.has("domicile-dev-calls"))
      response.headers.set("domicile-dev-calls", edge.calls.report());
    return response;
  },
} satisfies ExportedHandler<EdgeEnv>;
