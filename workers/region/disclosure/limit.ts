import { objectIn } from "../../../durable-objects/jurisdiction.ts";
import { disclosurePolicy } from "../../../durable-objects/sign-in-guard/policy.ts";
import type { SignInGuardObject } from "../../../durable-objects/sign-in-guard/sign-in-guard.ts";
import { AppError } from "../../../schema/errors.ts";
import { keyedHash } from "../../../schema/login-hash.ts";
import type { Served } from "../../serve/served.ts";
import { settingsOf } from "../settings.ts";

/** Pays for opening something sealed, by who asks; 429 `disclosure_limited` when that was done too often. */
export async function payForDisclosure(served: Served, env: RegionEnv): Promise<void> {
  const { region, environment, hashKey } = settingsOf(env);
  const { actor } = served;
  if (actor === null) throw new AppError("unauthorized");
  const name = `disclosure:${await keyedHash("disclosure", `${actor.type}:${actor.id}`, hashKey)}`;
  const namespace = env.SIGN_IN_GUARD as unknown as DurableObjectNamespace<SignInGuardObject>;
  const verdict = await objectIn(namespace, region, name, environment).take(disclosurePolicy);
  if (verdict.kind === "limited") throw new AppError("disclosure_limited", { retryAfter: verdict.retryAfterSeconds });
}
