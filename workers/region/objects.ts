import { GateObject } from "../../durable-objects/gate/gate.ts";
import { SignInGuardObject } from "../../durable-objects/sign-in-guard/sign-in-guard.ts";
import { loadPrincipal } from "./principals/load.ts";
import { settingsOf } from "./settings.ts";

/** The Gate of this region: asks the region's Postgres and the global configuration. */
export class Gate extends GateObject<RegionEnv> {
  constructor(ctx: DurableObjectState, env: RegionEnv) {
    const waitUntil = (promise: Promise<unknown>): void => ctx.waitUntil(promise);
    const { config } = settingsOf(env);
    super(ctx, env, {
      loadPrincipal: (id) => loadPrincipal(env, id, waitUntil),
      tierOf: async (customerId, keyTier) => {
        const name = keyTier ?? (await config.customer(customerId, waitUntil))?.tier;
        const tier = name === undefined ? null : await config.tier(name, waitUntil);
        if (tier === null) throw new Error("the tier of a principal is not configured");
        return tier;
      },
    });
  }
}

/** The sign-in guard of this region. */
export class SignInGuard extends SignInGuardObject<RegionEnv> {}
