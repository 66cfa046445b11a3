import { LRUCache } from "lru-cache";
import { z } from "zod";
import type { AuditLogObject } from "../../durable-objects/audit-log/audit-log.ts";
import type { GateObject } from "../../durable-objects/gate/gate.ts";
import { GateClient } from "../../durable-objects/gate/gate-client.ts";
import { objectIn } from "../../durable-objects/jurisdiction.ts";
import { AuditSender } from "../../queues/audit/send.ts";
import { importSealingKey, sealingPublicKeySchema, type SealingKey } from "../../schema/audit/message.ts";
import type { LoginEntry } from "../../schema/config.ts";
import { regionNames, type Region } from "../../schema/regions.ts";
import { ConfigCache } from "../config-cache.ts";
import { ApiKeyVerifier } from "./stages/verify-api-key.ts";
import { RegionKeys } from "./stages/region-keys.ts";
import { AccessVerifier } from "./stages/verify-access.ts";
import { SessionTokenVerifier } from "./stages/verify-session-token.ts";

/** What one isolate of the edge holds: its settings, and everything that outlives a request. */
export interface Edge {
  readonly local: boolean;
  readonly directoryKey: string;
  /** Believed only where `local`. */
  readonly operatorToken: string;
  readonly access: AccessVerifier;
  readonly config: ConfigCache;
  readonly gates: Readonly<Record<Region, GateClient>>;
  readonly regionKeys: RegionKeys;
  readonly sessionTokens: SessionTokenVerifier;
  readonly apiKeys: ApiKeyVerifier;
  readonly workers: Readonly<Record<Region, Fetcher>>;
  /** Where users are at home: that never changes. */
  readonly homes: LRUCache<string, LoginEntry>;
  readonly audit: AuditSender;
  readonly auditQueues: Readonly<Record<Region, Queue>>;
}

const checksumKeysSchema = z.record(z.enum(regionNames), z.string().min(32));

const publicKeysSchema = z.record(z.enum(regionNames), sealingPublicKeySchema);

const envSchema = z.object({
  DOMICILE_ENV: z.enum(["production", "local"]),
  ISSUER: z.url(),
  DIRECTORY_KEY: z.string().min(32),
  API_KEY_CHECKSUM_KEYS: z.string(),
  OPERATOR_TOKEN: z.string().min(32),
  ACCESS_TEAM_DOMAIN: z.url(),
  ACCESS_AUDIENCE: z.string().min(1),
  AUDIT_PUBLIC_KEYS: z.string(),
  AUDIT_SHARDS: z.coerce.number().int().min(1).max(256),
  CONFIG_REFRESH_SECONDS: z.coerce.number().positive(),
  CONFIG_MAX_AGE_SECONDS: z.coerce.number().positive().max(300),
});

const known = new WeakMap<EdgeEnv, Edge>();

/** The edge of an environment; throws on the first use of one that is not whole. */
export function edgeOf(env: EdgeEnv): Edge {
  const found = known.get(env);
  if (found !== undefined) return found;
  const edge = makeEdge(env);
  known.set(env, edge);
  return edge;
}

function now(): number {
  return Date.now();
}

function makeEdge(env: EdgeEnv): Edge {
  const settings = envSchema.parse(env, { reportInput: false });
  const workers = { us: env.REGION_US, eu: env.REGION_EU } as unknown as Record<Region, Fetcher>;
  const regionKeys = new RegionKeys(workers, now);
  return {
    local: settings.DOMICILE_ENV === "local",
    directoryKey: settings.DIRECTORY_KEY,
    operatorToken: settings.OPERATOR_TOKEN,
    access: new AccessVerifier(settings.ACCESS_TEAM_DOMAIN, settings.ACCESS_AUDIENCE),
    config: new ConfigCache(env.CONFIG, {
      refreshMs: settings.CONFIG_REFRESH_SECONDS * 1000,
      maximumMs: settings.CONFIG_MAX_AGE_SECONDS * 1000,
      now,
    }),
    gates: { us: gateClient("us", env.GATE_US, settings), eu: gateClient("eu", env.GATE_EU, settings) },
    regionKeys,
    sessionTokens: new SessionTokenVerifier(regionKeys, settings.ISSUER, now),
    apiKeys: new ApiKeyVerifier(checksumKeysSchema.parse(JSON.parse(settings.API_KEY_CHECKSUM_KEYS))),
    workers,
    homes: new LRUCache({ max: 10_000 }),
    audit: auditSender(env, settings),
    auditQueues: { us: env.AUDIT_US, eu: env.AUDIT_EU },
  };
}

function gateClient(region: Region, gates: unknown, settings: z.infer<typeof envSchema>): GateClient {
  const namespace = gates as DurableObjectNamespace<GateObject>;
  return new GateClient({
    now,
    stubFor: (principalId) => objectIn(namespace, region, principalId, settings.DOMICILE_ENV),
  });
}

/** Seals to each region's public key. One region's queue and outbox are all that its messages can reach. */
function auditSender(env: EdgeEnv, settings: z.infer<typeof envSchema>): AuditSender {
  const queues: Record<Region, Queue> = { us: env.AUDIT_US, eu: env.AUDIT_EU };
  const logs: Record<Region, unknown> = { us: env.AUDIT_LOG_US, eu: env.AUDIT_LOG_EU };
  const publicKeys = publicKeysSchema.parse(JSON.parse(settings.AUDIT_PUBLIC_KEYS));
  const imported = new Map<Region, SealingKey>();
  return new AuditSender({
    shards: settings.AUDIT_SHARDS,
    send: (region, message) => queues[region].send(message, { contentType: "json" }),
    keep: (region, message) => {
      const namespace = logs[region] as DurableObjectNamespace<AuditLogObject<unknown>>;
      return objectIn(namespace, region, `shard-${message.shard}`, settings.DOMICILE_ENV).keep(message);
    },
    keyOf: async (region) => {
      const key = imported.get(region) ?? (await importSealingKey(publicKeys[region]));
      imported.set(region, key);
      return key;
    },
  });
}
