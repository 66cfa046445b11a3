import { networkOf } from "../../../../durable-objects/sign-in-guard/network-of.ts";
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

/** A guess that was paid for: give it back when it was right. A refund that is lost costs a guess, never the sign-in. */
export interface PaidGuess {
  refund(): Promise<void>;
}

/**
 * Pays for one guess at an account from an address, before the password is looked at; 429 `sign_in_limited` when either has none
 * left. The same for accounts that do not exist. Objects are named by keyed hashes.
 */
export async function payForGuess(email: string, address: string, env: RegionEnv): Promise<PaidGuess> {
  const guards = await Promise.all([
    guard("address", networkOf(address), addressPolicy, env),
    guard("account", normalizeEmail(email), accountPolicy, env),
  ]);
  for (const { object, policy } of guards) {
    // oxlint-disable-next-line no-await-in-loop -- an address that is limited must not go on using up other people's guesses
    const verdict = await object.take(policy);
    if (verdict.kind === "limited") throw new AppError("sign_in_limited", { retryAfter: verdict.retryAfterSeconds });
  }
  return {
    refund: async () => {
      const refunds = await Promise.allSettled(guards.map(({ object, policy }) => object.refund(policy)));
      const lost = refunds.filter((refund) => refund.status === "rejected").length;
      if (lost > 0) console.warn(JSON.stringify({ level: "warn", event: "sign_in.refund_lost", lost }));
    },
  };
}

async function guard(kind: string, value: string, policy: Policy, env: RegionEnv): Promise<Guard> {
  const { region, environment, hashKey } = settingsOf(env);
  const name = `${kind}:${await keyedHash(`sign-in-${kind}`, value, hashKey)}`;
  const namespace = env.SIGN_IN_GUARD as unknown as DurableObjectNamespace<SignInGuardObject>;
  return { policy, object: objectIn(namespace, region, name, environment) };
}
