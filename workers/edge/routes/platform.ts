import openApi from "../../../docs/openapi.json";
import type { Passage } from "../stages/passage.ts";

const openApiText = JSON.stringify(openApi);

/** `GET /healthz`. */
export function handleHealth(): Response {
  return Response.json({ status: "ok" });
}

/** `GET /openapi.json`: generated from schema/http by `npm run openapi`. */
export function handleOpenApi(): Response {
  return new Response(openApiText, {
    headers: { "content-type": "application/json", "cache-control": "public, max-age=300" },
  });
}

/** `GET /.well-known/jwks.json`: every region's public keys. */
export async function handleJwks({ edge }: Passage): Promise<Response> {
  return Response.json(await edge.regionKeys.jwks(), { headers: { "cache-control": "public, max-age=60" } });
}
