import { AppError } from "../../../schema/errors.ts";
import type { Actor } from "../../../schema/forwarded.ts";
import type { Region } from "../../../schema/regions.ts";
import { readBytes } from "../../serve/read-body.ts";
import { bodyRules } from "../../serve/serve.ts";
import { forward } from "./forward.ts";
import { refuseClosed } from "./locate.ts";
import type { Passage } from "./passage.ts";

/**
 * Asks regions one after the other until one knows what the path names: an id does not say where it is. A 404 has changed nothing. A closed region
 * that would have to be asked is 503: what is asked for may be there.
 */
export async function forwardToAny(passage: Passage, actor: Actor, regions: readonly Region[]): Promise<Response> {
  const { request, contract, edge } = passage;
  const bodiless = request.method === "GET" || request.method === "HEAD" || request.body === null;
  const body = bodiless || contract === null ? null : await readBytes(request, bodyRules(contract).limit);
  for (const [at, region] of regions.entries()) {
    // oxlint-disable no-await-in-loop -- the next is asked only when this one does not know it
    await refuseClosed(passage, region);
    const response = await forward(edge.workers[region], passage, { actor, ...(body !== null && { body }) });
    if (response.status !== 404 || at === regions.length - 1) return response;
    await response.body?.cancel();
    // oxlint-enable no-await-in-loop
  }
  throw new AppError("not_found");
}
