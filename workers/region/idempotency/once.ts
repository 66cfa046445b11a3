import { base64url } from "jose";
import { AppError } from "../../../schema/errors.ts";
import { keyedHash } from "../../../schema/login-hash.ts";
import { logFailure } from "../../serve/log-failure.ts";
import type { Around } from "../../serve/serve.ts";
import type { Reply, Served } from "../../serve/served.ts";
import { invalid } from "../../serve/validate.ts";
import { settingsOf } from "../settings.ts";
import { claim, giveBack, settle, type ClaimKey } from "./claims.ts";

const purpose = "idempotency-answer";

/**
 * Lets a request with an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header) happen once in 24 h, per customer and route:
 * the same body gets the first answer again, another body 422, one that comes while the first runs 409. A first answer that is
 * an error is not kept. Another principal that repeats it is answered as for another body: an answer may show an API key with more
 * scopes than its own. Answers are sealed at rest: one may show a new API key.
 */
export const once: Around<RegionEnv> = async (contract, served, env, run) => {
  const { actor } = served;
  if (contract.creates !== true || actor === null || actor.type === "operator") return run();
  const idempotencyKey = readIdempotencyKey(served);
  if (idempotencyKey === null) return run();
  const { dataKeys, hashKey } = settingsOf(env);
  const key: ClaimKey = { customerId: actor.customer_id, route: contract.operationId, key: idempotencyKey };
  const context = JSON.stringify([key.customerId, key.route, key.key]);
  const bodyHash = await keyedHash(
    "idempotency-body",
    `${actor.id}\n${served.path}\n${base64url.encode(served.bodyBytes)}`,
    hashKey,
  );
  const claimed = await claim(env, served.invocation, key, bodyHash);
  if (claimed.kind === "lost") {
    if (claimed.bodyHash !== bodyHash) throw new AppError("idempotency_mismatch");
    if (claimed.answer === null) throw new AppError("idempotency_in_progress");
    const first = JSON.parse(await dataKeys.open(purpose, context, claimed.answer)) as Reply;
    return { ...first, headers: { ...first.headers, "idempotent-replayed": "true" } };
  }
  const reply = await run().catch(async (error: unknown) => {
    await attempt(served, () => giveBack(env, served.invocation, key, claimed.claimedAt));
    throw error;
  });
  await attempt(served, async () => {
    const answer = await dataKeys.seal(purpose, context, JSON.stringify(reply));
    await settle(env, served.invocation, key, claimed.claimedAt, answer);
  });
  return reply;
};

/** The request's `Idempotency-Key`, null without one; 422 for one that cannot be. */
export function readIdempotencyKey({ idempotencyKey }: Served): string | null {
  if (idempotencyKey !== null && !/^[\x21-\x7e]{1,255}$/.test(idempotencyKey))
    throw invalid("Idempotency-Key", "must be 1 to 255 visible ASCII characters");
  return idempotencyKey;
}

/** What has happened is answered as it happened, even when that cannot be written down; the claim is then abandoned in a minute. */
async function attempt(served: Served, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    logFailure(error, { worker: "region", requestId: served.requestId, operation: "idempotency" });
  }
}
