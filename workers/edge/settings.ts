import { LRUCache } from "lru-cache";
import { z } from "zod";
import { AuditSender } from "../../queues/audit/send.ts";
import { importSealingKey, sealingPublicKeySchema, type SealingKey } from "../../schema/audit/message.ts";
import type { ConfigReaderApi, LoginEntry, LoginLookupApi } from "../../schema/config.ts";
import { regionNames, type Region } from "../../schema/regions.ts";
import { ConfigCache } from "../config-cache.ts";
import { CallCounter } from "./count-calls.ts";
import { loginLookup } from "./login-lookup.ts";
import { ApiKeyVerifier } from "./request/verify-api-key.ts";
import { RepeatedRefusals } from "./request/repeat-refusal.ts";
import { RegionKeys } from "./request/region-keys.ts";
import { AccessVerifier } from "./request/verify-access.ts";
import { SessionTokenVerifier } from "./request/verify-session-token.ts";

/** What one isolate of the edge holds: its settings, its bindings, and everything that outlives a request. */
export interface Edge {
  readonly local: boolean;
  readonly directoryKey: string;
  /** Believed only where `local`. */
  readonly operatorToken: string;
  readonly access: AccessVerifier;
  /** For preflights, and for refusals that a page has to read. */
  readonly config: ConfigCache;
  readonly regionKeys: RegionKeys;
  readonly sessionTokens: SessionTokenVerifier;
  readonly apiKeys: ApiKeyVerifier;
  readonly regions: Readonly<Record<Region, Fetcher>>;
  readonly global: Fetcher;
  readonly directory: LoginLookupApi;
  /** Where users are at home: that never changes. */
  readonly homes: LRUCache<string, LoginEntry>;
  /** Customers of API keys, as regions named them. */
  readonly keyCustomers: LRUCache<string, string>;
  readonly refusals: RepeatedRefusals;
  /** For what no region can record: see `ask-region.ts` and `record-operation.ts`. */
  readonly records: AuditSender;
  readonly auditQueues: Readonly<Record<Region, Queue>>;
  /** Counts calls where `local`. */
  readonly calls: CallCounter | null;
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

/** The bindings; on one machine, such that their calls are counted. */
function bindingsOf(env: EdgeEnv, calls: CallCounter | null) {
  const counted = <T extends object>(name: string, binding: T): T => calls?.count(name, binding) ?? binding;
  const fetcher = (name: string, binding: unknown): Fetcher => counted(name, binding as Fetcher);
  return {
    regions: { us: fetcher("region", env.REGION_US), eu: fetcher("region", env.REGION_EU) },
    global: fetcher("global", env.OPERATOR),
    directory: loginLookup(counted("directory", env.DIRECTORY as unknown as LoginLookupApi)),
    configReader: counted("config", env.CONFIG as unknown as ConfigReaderApi),
    auditQueues: { us: counted("queue", env.AUDIT_US), eu: counted("queue", env.AUDIT_EU) },
  };
}

function makeEdge(env: EdgeEnv): Edge {
  const settings = envSchema.parse(env, { reportInput: false });
  const local = settings.DOMICILE_ENV === "local";
  const calls = local ? new CallCounter() : null;
  const { configReader, ...bindings } = bindingsOf(env, calls);
  const regionKeys = new RegionKeys(bindings.regions, now);
  const records = recordSender(bindings.auditQueues, settings);
  return {
    ...bindings,
    local,
    calls,
    directoryKey: settings.DIRECTORY_KEY,
    operatorToken: settings.OPERATOR_TOKEN,
    access: new AccessVerifier(settings.ACCESS_TEAM_DOMAIN, settings.ACCESS_AUDIENCE),
    config: new ConfigCache(configReader, {
      refreshMs: settings.CONFIG_REFRESH_SECONDS * 1000,
      maximumMs: settings.CONFIG_MAX_AGE_SECONDS * 1000,
      now,
    }),
    regionKeys,
    sessionTokens: new SessionTokenVerifier(regionKeys, settings.ISSUER, now),
    apiKeys: new ApiKeyVerifier(checksumKeysSchema.parse(JSON.parse(settings.API_KEY_CHECKSUM_KEYS))),
    homes: new LRUCache({ max: 10_000 }),
    keyCustomers: new LRUCache({ max: 10_000 }),
    records,
    refusals: new RepeatedRefusals(bindings.regions, records),
  };
}

/** Seals to each region's public key. One region's queue is all that its messages can reach. */
function recordSender(queues: Edge["auditQueues"], settings: z.infer<typeof envSchema>): AuditSender {
  const publicKeys = publicKeysSchema.parse(JSON.parse(settings.AUDIT_PUBLIC_KEYS));
  const imported = new Map<Region, SealingKey>();
  return new AuditSender({
    shards: settings.AUDIT_SHARDS,
    send: (region, message) => queues[region].send(message, { contentType: "json" }),
    keep: null,
    keyOf: async (region) => {
      const key = imported.get(region) ?? (await importSealingKey(publicKeys[region]));
      imported.set(region, key);
      return key;
    },
  });
}
