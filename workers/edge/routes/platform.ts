import openApi from "../../../docs/openapi.json";
import type { EdgeHandler } from "./handler.ts";

const openApiText = JSON.stringify(openApi);

/** `GET /healthz`. */
export const handleHealth: EdgeHandler = async () => ({ kind: "own", response: Response.json({ status: "ok" }) });

/** `GET /openapi.json`: generated from schema/http by `npm run openapi`. */
export const handleOpenApi: EdgeHandler = async () => {
  const headers = { "content-type": "application/json", "cache-control": "public, max-age=300" };
  return { kind: "own", response: new Response(openApiText, { headers }) };
};

/** `GET /.well-known/jwks.json`: every region's public keys. */
export const handleJwks: EdgeHandler = async (_request, _match, edge) => {
  const headers = { "cache-control": "public, max-age=60" };
  return { kind: "own", response: Response.json(await edge.regionKeys.jwks(), { headers }) };
};
