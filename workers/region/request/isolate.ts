import type { GateObject } from "../../../durable-objects/gate/gate.ts";
import { GateClient } from "../../../durable-objects/gate/gate-client.ts";
import { objectIn } from "../../../durable-objects/jurisdiction.ts";
import { AuditSender } from "../../../queues/audit/send.ts";
import { auditLogOf } from "../audit/log-of.ts";
import { aggregatedEntry, RefusalWindows } from "../../serve/refusal-windows.ts";
import { settingsOf } from "../settings.ts";

/** What one isolate of a region keeps from request to request. */
export interface Isolate {
  readonly gates: GateClient;
  readonly records: AuditSender;
  readonly refusals: RefusalWindows;
}

const known = new WeakMap<RegionEnv, Isolate>();

/** The isolate of an environment. */
export function isolateOf(env: RegionEnv): Isolate {
  const found = known.get(env);
  if (found !== undefined) return found;
  const records = recordSender(env);
  const isolate = {
    gates: gateClient(env),
    records,
    refusals: new RefusalWindows(settingsOf(env).refusalWindowMs, async (first, kinds, waitUntil) =>
      records.later(settingsOf(env).region, aggregatedEntry(first, kinds), waitUntil),
    ),
  };
  known.set(env, isolate);
  return isolate;
}

function gateClient(env: RegionEnv): GateClient {
  const { region, environment } = settingsOf(env);
  const namespace = env.GATE as unknown as DurableObjectNamespace<GateObject>;
  return new GateClient({
    now: () => Date.now(),
    stubFor: (principalId) => objectIn(namespace, region, principalId, environment),
  });
}

/** Sends to this region's queue; to the outbox in this region's `AuditLog` when the queue does not take a message. */
function recordSender(env: RegionEnv): AuditSender {
  const { audit, auditShards } = settingsOf(env);
  return new AuditSender({
    shards: auditShards,
    send: (_region, message) => env.AUDIT.send(message, { contentType: "json" }),
    keep: (_region, message) => auditLogOf(env, message.shard).keep(message),
    keyOf: () => audit.ownPublicKey(),
  });
}
