import { edgeUrl } from "../../../schema/forwarded.ts";
import { refusalReportSchema } from "../../../schema/refusal.ts";
import { settingsOf } from "../settings.ts";
import { isolateOf } from "./isolate.ts";

/** Answers what the edge asks for itself: the region's public keys, and to record what it refused from memory. */
export async function respondToEdge(
  request: Request,
  env: RegionEnv,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<Response> {
  if (request.url === edgeUrl.keys) return Response.json(settingsOf(env).keys.jwks());
  if (request.url !== edgeUrl.refusals) throw new Error("a request has no caller");
  const { entry, kinds } = refusalReportSchema.parse(await request.json());
  isolateOf(env).refusals.add(entry, kinds, waitUntil);
  return new Response(null, { status: 204 });
}
