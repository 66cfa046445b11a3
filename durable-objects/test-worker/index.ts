import { DurableObject } from "cloudflare:workers";
import type { AdmitAnswer, PrincipalRecord } from "../../schema/admission.ts";
import type { Tier } from "../../schema/config.ts";
import { AuditLogObject } from "../audit-log/audit-log.ts";
import { ExpiringCache } from "../expiring-cache.ts";
import { CourierObject } from "../courier/courier.ts";
import { EventWriterObject } from "../event-writer/event-writer.ts";
import { GateObject } from "../gate/gate.ts";
import { LedgerMemory } from "../gate/ledger-memory.ts";
import { SignInGuardObject } from "../sign-in-guard/sign-in-guard.ts";
import { auditWorld } from "./audit-world.ts";
import { courierWorld } from "./courier-world.ts";
import { eventWorld } from "./event-world.ts";

/** What stands in for Postgres and configuration: what a test has put there, by principal. */
export const world = {
  records: new Map<string, PrincipalRecord>(),
  tier: { name: "basic", unlimited: false, recheck_seconds: 5, policies: [] } as Tier,
  /** Set: Postgres is away. */
  away: false,
  loads: 0,
  /** Cleared: the isolate has ended, and an eviction is a crash. */
  ledgers: new LedgerMemory(),
  /** Set: a load that has read waits for it before it returns. */
  hold: null as Promise<void> | null,
};

/** The Gate with ports into `world`. */
export class TestGate extends GateObject<Cloudflare.Env> {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env, {
      ledgers: world.ledgers,
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

/** The event writer with ports into `eventWorld`. */
export class TestEventWriter extends EventWriterObject<Cloudflare.Env> {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(
      ctx,
      env,
      eventWorld.ports(() => ctx.abort("ended on purpose")),
    );
  }
}

/** An object that dies whenever it is asked. */
export class BrokenGate extends DurableObject {
  async admit(): Promise<AdmitAnswer> {
    this.ctx.abort("broken on purpose");
    throw new Error("not reached");
  }
}

/** Outlives the requests of the isolate, as the caches of the Workers do. */
const cache = new ExpiringCache<string>(10);

export default {
  /** Answers with the value in the cache under the path; the body of a PUT is kept there for `?ms=`. */
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const found = cache.get(pathname, Date.now());
    if (request.method === "PUT")
      cache.set(pathname, await request.text(), Date.now() + Number(searchParams.get("ms")));
    return new Response(found ?? "nothing");
  },
} satisfies ExportedHandler;
