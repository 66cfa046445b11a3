import { and, eq } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { rotateApiKey } from "../../../../schema/http/api-keys.ts";
import { apiKeys } from "../../../../schema/tables/region/api-keys.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { mayGiveScopes } from "../../api-keys/grant.ts";
import { insertApiKey } from "../../api-keys/insert.ts";
import { asCustomer } from "../../database.ts";
import { lockStanding } from "../../principals/lock-standing.ts";
import { tellGatesOfKeys } from "../../principals/tell-gate.ts";
import { settingsOf } from "../../settings.ts";

type Key = typeof apiKeys.$inferSelect;

/** Makes a successor of a key and sets the old one's end, in one transaction. A key that is over has no successor (409). */
export const handleRotateApiKey: Handler<typeof rotateApiKey, RegionEnv> = async ({ params, body }, served, env) => {
  const principal = principalOf(served);
  const { customer_id: customerId } = principal;
  const { old, successor } = await asCustomer(env, customerId, served.invocation, async (tx) => {
    await lockStanding(tx, principal, settingsOf(env).region);
    const own = and(eq(apiKeys.customerId, customerId), eq(apiKeys.id, params.id));
    const [before] = await tx.select().from(apiKeys).where(own).for("update");
    if (before === undefined) throw new AppError("not_found");
    mayGiveScopes(principal, before.scopes);
    const now = new Date();
    if (isOver(before, now)) throw new AppError("conflict", { detail: "The API key is revoked or has expired." });
    const { name, tier, scopes, expiresAt } = before;
    const wanted = { customerId, name, tier, scopes, expiresAt, createdBy: principal.id };
    const made = await insertApiKey(tx, wanted, settingsOf(env));
    const end = { ...ending(before, now, body.grace_seconds), version: before.version + 1 };
    const [after] = await tx.update(apiKeys).set(end).where(own).returning();
    return { old: after ?? before, successor: made };
  });
  await tellGatesOfKeys(env, [old]);
  return { status: 201, body: successor };
};

function isOver(key: Key, now: Date): boolean {
  return key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= now);
}

/** Without grace the old key is revoked now; with it, it expires then, if it does not expire before. */
function ending(key: Key, now: Date, graceSeconds: number): Partial<Key> {
  if (graceSeconds === 0) return { revokedAt: now };
  const grace = new Date(now.getTime() + graceSeconds * 1000);
  return { expiresAt: key.expiresAt !== null && key.expiresAt < grace ? key.expiresAt : grace };
}
