import { createSession } from "../../../schema/http/sessions.ts";
import { loginHash } from "../../../schema/login-hash.ts";
import { regionNames, type Region } from "../../../schema/regions.ts";
import { readJson } from "../../serve/read-body.ts";
import { validate } from "../../serve/validate.ts";
import { forward } from "../stages/forward.ts";
import { refuseClosed } from "../stages/locate.ts";
import type { Passage } from "../stages/passage.ts";

/**
 * `POST /v1/sessions`: finds the home region by the keyed hash of the address and lets it sign the user in. An unknown address goes
 * to the region that its hash picks, and is refused there by the same work as a wrong password. Nothing is looked up here for a known
 * address that is not for an unknown one: the time it takes would tell.
 */
export async function handleSignIn(passage: Passage): Promise<Response> {
  const { request, edge, waitUntil } = passage;
  passage.corsOrigins = await edge.config.corsOrigins(waitUntil);
  const { value, bytes } = await readJson(request);
  const { email } = validate(createSession.body, value);
  const hash = await loginHash(email, edge.directoryKey);
  const login = await passage.directory.byHash(hash);
  const region = login?.region ?? regionOfUnknown(hash);
  if (login !== null) {
    const { customer_id: customerId, user_id: userId } = login;
    passage.recorded = { region, customerId, userId, apiKeyId: null, sessionId: null, detail: null };
  }
  await refuseClosed(passage, region);
  const response = await forward(edge.workers[region], passage, {
    actor: null,
    body: bytes,
    ...(login !== null && { customerId: login.customer_id }),
  });
  if (response.ok) passage.region = region;
  return response;
}

/** Any region, always the same for one address: which one tells nothing. */
function regionOfUnknown(hash: string): Region {
  return regionNames[hash.charCodeAt(0) % regionNames.length] ?? regionNames[0];
}
