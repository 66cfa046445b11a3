import { accountPolicy, addressPolicy } from "../../../../durable-objects/sign-in-guard/policy.ts";
import type { SignInGuardObject } from "../../../../durable-objects/sign-in-guard/sign-in-guard.ts";
import { objectIn } from "../../../../durable-objects/jurisdiction.ts";
import type { Policy } from "../../../../schema/config.ts";
import { AppError } from "../../../../schema/errors.ts";
import { keyedHash, normalizeEmail } from "../../../../schema/login-hash.ts";
import { settingsOf } from "../../settings.ts";

interface Guard {
  readonly policy: Policy;
  readonly object: DurableObjectStub<SignInGuardObject>;
}

/** A guess that was paid for: give it back when it was right. */
export interface PaidGuess {
  refund(): Promise<void>;
}

/**
 * Pays for one guess at an account from an address, before the password is looked at; 429 `sign_in_limited` when either has none
 * left. The same for accounts that do not exist. Objects are named by keyed hashes.
 */
export async function payForGuess(email: string, address: string, env: RegionEnv): Promise<PaidGuess> {
  const guards = await Promise.all([
    guard("account", normalizeEmail(email), accountPolicy, env),
    guard("address", address, addressPolicy, env),
  ]);
  const verdicts = await Promise.all(guards.map(({ object, policy }) => object.take(policy)));
  const waits = verdicts.flatMap((verdict) => (verdict.kind === "limited" ? [verdict.retryAfterSeconds] : []));
  if (waits.length > 0) throw new AppError("sign_in_limited", { retryAfter: Math.max(...waits) });
  return {
    refund: async () => {
      await Promise.all(guards.map(({ object, policy }) => object.refund(policy)));
    },
  };
}

async function guard(kind: string, value: string, policy: Policy, env: RegionEnv): Promise<Guard> {
  const { region, environment, dataKey } = settingsOf(env);
  const name = `${kind}:${await keyedHash(`sign-in-${kind}`, value, dataKey)}`;
  const namespace = env.SIGN_IN_GUARD as unknown as DurableObjectNamespace<SignInGuardObject>;
  return { policy, object: objectIn(namespace, region, name, environment) };
}
