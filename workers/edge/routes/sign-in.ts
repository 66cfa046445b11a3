import { createSession } from "../../../schema/http/sessions.ts";
import { loginHash } from "../../../schema/login-hash.ts";
import { regionNames, type Region } from "../../../schema/regions.ts";
import { readJson } from "../../serve/read-body.ts";
import { validate } from "../../serve/validate.ts";
import { askRegion } from "../request/ask-region.ts";
import type { EdgeHandler } from "./handler.ts";

/**
 * `POST /v1/sessions`: finds the home region by the keyed hash of the address and lets it sign the user in. An unknown address goes
 * to the region that its hash selects, and is refused there by the same work as a wrong password. Nothing is looked up here for a
 * known address that is not for an unknown one: the time it takes would tell.
 */
export const handleSignIn: EdgeHandler = async (request, match, edge, waitUntil) => {
  const { value, bytes } = await readJson(request.raw);
  const { email } = validate(createSession.body, value);
  const hash = await loginHash(email, edge.directoryKey);
  const found = await edge.directory.byHash(hash);
  const region = found?.region ?? regionOfUnknown(hash);
  const login = found && { customer_id: found.customer_id, user_id: found.user_id };
  const forwarding = { caller: { kind: "guest", login }, userHomes: null, body: bytes } as const;
  return { kind: "passed", response: await askRegion(region, request, match, forwarding, edge, waitUntil) };
};

/** Any region, always the same for one address: which one tells nothing. */
function regionOfUnknown(hash: string): Region {
  return regionNames[hash.charCodeAt(0) % regionNames.length] ?? regionNames[0];
}
