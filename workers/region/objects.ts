import { AuditLogObject } from "../../durable-objects/audit-log/audit-log.ts";
import { CourierObject } from "../../durable-objects/courier/courier.ts";
import { EventWriterObject } from "../../durable-objects/event-writer/event-writer.ts";
import { GateObject } from "../../durable-objects/gate/gate.ts";
import { LedgerMemory } from "../../durable-objects/gate/ledger-memory.ts";
import { SignInGuardObject } from "../../durable-objects/sign-in-guard/sign-in-guard.ts";
import { withInvocation } from "../serve/invocation.ts";
import { auditStore } from "./audit/store.ts";
import { bury } from "./audit/dead-letters.ts";
import { checkpointKey, lastCheckpointKey } from "./audit/object-names.ts";
import { eventStore } from "./events/store.ts";
import { loadPrincipal } from "./principals/load.ts";
import { settingsOf } from "./settings.ts";
import { courierStore } from "./webhooks/courier-store.ts";
import { handOver } from "./webhooks/hand-over.ts";

/** One for all Gates of the isolate. */
const ledgers = new LedgerMemory();

/** The Gate of this region: asks the region's Postgres and the global configuration. */
export class Gate extends GateObject<RegionEnv> {
  constructor(ctx: DurableObjectState, env: RegionEnv) {
    const waitUntil = (promise: Promise<unknown>): void => ctx.waitUntil(promise);
    const { config } = settingsOf(env);
    super(ctx, env, {
      ledgers,
      loadPrincipal: (id) => withInvocation(ctx, (invocation) => loadPrincipal(env, id, invocation)),
      tierOf: async (customerId, keyTier) => {
        const tier = await config.tierOf(customerId, keyTier, waitUntil);
        if (tier === null) throw new Error("the tier of a principal is not configured");
        return tier;
      },
    });
  }
}

/** The sign-in guard of this region. */
export class SignInGuard extends SignInGuardObject<RegionEnv> {}

/** The audit log of a shard of this region: writes into the region's Postgres, publishes checkpoints in its bucket. */
export class AuditLog extends AuditLogObject<RegionEnv> {
  constructor(ctx: DurableObjectState, env: RegionEnv) {
    const { region, audit, checkpointMs } = settingsOf(env);
    super(ctx, env, {
      ...audit,
      region,
      checkpointMs,
      now: () => Date.now(),
      store: auditStore(env.DB_AUDIT),
      publish: async (customerId, size, note) => {
        const options = { httpMetadata: { contentType: "text/plain" } };
        await env.BUCKET.put(checkpointKey(customerId, size), note, options);
        await env.BUCKET.put(lastCheckpointKey(customerId), note, options);
      },
      published: async (customerId) => (await (await env.BUCKET.get(lastCheckpointKey(customerId)))?.text()) ?? null,
      bury: (message, reason) => bury(env, message, reason),
      observe: ({ entries, lagMs }) =>
        env.METRICS.writeDataPoint({ indexes: [region], blobs: ["audit.write"], doubles: [entries, lagMs] }),
    });
  }
}

/** The Courier of an endpoint in this region. */
export class Courier extends CourierObject<RegionEnv> {
  constructor(ctx: DurableObjectState, env: RegionEnv) {
    const waitUntil = (promise: Promise<unknown>): void => ctx.waitUntil(promise);
    const { region, webhookTimeoutMs } = settingsOf(env);
    super(ctx, env, {
      store: courierStore(env, waitUntil),
      timeoutMs: webhookTimeoutMs,
      enqueue: (deliveries, delaySeconds) => handOver(env, deliveries, delaySeconds),
      observe: ({ error, durationMs }) =>
        env.METRICS.writeDataPoint({
          indexes: [region],
          blobs: ["webhook.try", error ?? "none"],
          doubles: [durationMs],
        }),
    });
  }
}

/** The event writer of a shard of this region: commits events into the region's Postgres. */
export class EventWriter extends EventWriterObject<RegionEnv> {
  constructor(ctx: DurableObjectState, env: RegionEnv) {
    const settings = settingsOf(env);
    super(ctx, env, {
      store: eventStore(env.DB_EVENTS, settings),
      waitMs: 5000,
      enqueue: (due) => handOver(env, due, 0),
      observe: ({ events, durationMs }) =>
        env.METRICS.writeDataPoint({
          indexes: [settings.region],
          blobs: ["event.write"],
          doubles: [events, durationMs],
        }),
    });
  }
}
