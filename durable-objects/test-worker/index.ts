import { DurableObject } from "cloudflare:workers";
import type { AdmitAnswer, PrincipalRecord } from "../../schema/admission.ts";
import type { Tier } from "../../schema/config.ts";
import { AuditLogObject } from "../audit-log/audit-log.ts";
import { CourierObject } from "../courier/courier.ts";
import { GateObject } from "../gate/gate.ts";
import { SignInGuardObject } from "../sign-in-guard/sign-in-guard.ts";
import { auditWorld } from "./audit-world.ts";
import { courierWorld } from "./courier-world.ts";

/** What stands in for Postgres and configuration: what a test has put there, by principal. */
export const world = {
  records: new Map<string, PrincipalRecord>(),
  tier: { name: "basic", unlimited: false, recheck_seconds: 5, policies: [] } as Tier,
  /** Set: Postgres is away. */
  away: false,
  loads: 0,
  /** Set: a load that has read waits for it before it returns. */
  hold: null as Promise<void> | null,
};

/** The Gate with ports into `world`. */
export class TestGate extends GateObject<Cloudflare.Env> {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env, {
      loadPrincipal: async (id) => {
        world.loads += 1;
        if (world.away) throw new Error("Postgres is away");
        const record = world.records.get(id) ?? null;
        if (world.hold) await world.hold;
        return record;
      },
      tierOf: async () => world.tier,
    });
  }
}

/** The sign-in guard as it is. */
export class TestGuard extends SignInGuardObject<Cloudflare.Env> {}

/** The audit log with ports into `auditWorld`. */
export class TestAuditLog extends AuditLogObject<Cloudflare.Env> {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env, auditWorld.ports());
  }
}

/** The Courier with ports into `courierWorld`. */
export class TestCourier extends CourierObject<Cloudflare.Env> {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env, courierWorld.ports(ctx.id.name ?? ""));
  }
}

/** An object that dies whenever it is asked. */
export class BrokenGate extends DurableObject {
  async admit(): Promise<AdmitAnswer> {
    this.ctx.abort("broken on purpose");
    throw new Error("not reached");
  }
}

export default { fetch: () => new Response("objects") } satisfies ExportedHandler;
