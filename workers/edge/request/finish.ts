import { returnedHeader } from "../../../schema/forwarded.ts";
import { setCorsHeaders, setSecurityHeaders } from "../../serve/response-headers.ts";
import type { ClientRequest } from "./read-request.ts";

const internal = Object.values(returnedHeader);

/** A region's response as the client gets it: with the request's id, and without what is for the edge only. */
export function passOn(response: Response, request: ClientRequest): Response {
  return copy(response, request);
}

/** A response of the edge itself or of global, with the headers of every response. `corsOrigins`: whose pages may read it. */
export function finishOwn(response: Response, request: ClientRequest, corsOrigins: readonly string[]): Response {
  const finished = copy(response, request);
  setSecurityHeaders(finished.headers, false);
  setCorsHeaders(finished.headers, request.raw.headers.get("origin"), corsOrigins);
  return finished;
}

function copy(response: Response, { method, requestId }: ClientRequest): Response {
  // A copy: the headers of a fetched response cannot be changed.
  const copied = new Response(method === "HEAD" ? null : response.body, response);
  for (const name of internal) copied.headers.delete(name);
  copied.headers.set("domicile-request-id", requestId);
  return copied;
}
