import type { createApiKey } from "../../../../schema/http/api-keys.ts";
import { defaultScopes } from "../../../../schema/principal.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { invalid } from "../../../serve/validate.ts";
import { mayGiveScopes } from "../../api-keys/grant.ts";
import { insertApiKey } from "../../api-keys/insert.ts";
import { asCustomer } from "../../database.ts";
import { lockStanding } from "../../principals/lock-standing.ts";
import { settingsOf } from "../../settings.ts";

/** Makes an API key. Its tier must be one that the customer may give; by default it has the customer's. */
export const handleCreateApiKey: Handler<typeof createApiKey, RegionEnv> = async ({ body }, served, env) => {
  const principal = principalOf(served);
  const settings = settingsOf(env);
  const scopes = body.scopes ?? [...defaultScopes];
  mayGiveScopes(principal, scopes);
  const expiresAt = body.expires_at === undefined ? null : new Date(body.expires_at);
  if (expiresAt !== null && expiresAt.getTime() <= Date.now()) throw invalid("expires_at", "must be in the future");
  if (body.tier !== undefined) {
    const customer = await settings.config.customer(principal.customer_id, served.invocation.waitUntil);
    if (!customer?.key_tiers.includes(body.tier)) throw invalid("tier", "is not a tier that you may give to a key");
  }
  const wanted = {
    customerId: principal.customer_id,
    name: body.name,
    tier: body.tier ?? null,
    scopes: [...new Set(scopes)],
    createdBy: principal.id,
    expiresAt,
  };
  const key = await asCustomer(env, principal.customer_id, served.invocation, async (tx) => {
    await lockStanding(tx, principal, settings.region);
    return insertApiKey(tx, wanted, settings);
  });
  return { status: 201, body: key, created: key.id };
};
