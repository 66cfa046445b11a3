import { z } from "zod";
import { sealingPrivateKeySchema, sealingPublicKeySchema } from "../../schema/audit/message.ts";
import { regionNames, regionSchema, type Region } from "../../schema/regions.ts";
import { ConfigCache } from "../config-cache.ts";
import { auditKeys, signingKeySchema, type AuditKeys } from "./audit/keys.ts";
import { SealingKeys } from "./events/sealing-keys.ts";
import { DataKeyRing, dataKeySchema } from "./sealing/data-key-ring.ts";
import { RegionSeals } from "./webhooks/region-seals.ts";
import { CustomerKeys } from "./webhooks/customer-keys.ts";
import { KeyRing, privateKeySchema } from "./session-keys/key-ring.ts";

/** What a region's Worker is told by its configuration and secrets, read once for each isolate. */
export interface RegionSettings {
  readonly region: Region;
  readonly environment: string;
  /** The public origin: `iss` of every token. */
  readonly issuer: string;
  readonly upstreamTimeoutMs: number;
  readonly keys: KeyRing;
  readonly checksumKey: string;
  readonly directoryKey: string;
  /** Seals what is stored: idempotent answers, the audit log's data keys. */
  readonly dataKeys: DataKeyRing;
  /** Keys hashes that are compared or are names, and so must stay what they are: never rotated with the ring. */
  readonly hashKey: string;
  readonly config: ConfigCache;
  readonly audit: AuditKeys;
  /** How long an audit log that has grown may go without a signed checkpoint, in milliseconds. */
  readonly checkpointMs: number;
  /** How many `AuditLog` objects share the region's customers. */
  readonly auditShards: number;
  /** How many `EventWriter` objects share the region's customers. */
  readonly eventShards: number;
  /** Opens and seals what events hold. */
  readonly customerKeys: CustomerKeys;
  /** The customers' data keys that new events are sealed under. */
  readonly sealingKeys: SealingKeys;
  /** Seals signing secrets to other regions. */
  readonly regionSeals: RegionSeals;
  /** How long an endpoint may take to answer a webhook. */
  readonly webhookTimeoutMs: number;
  /** How long refusals of a principal are counted before they are recorded together. */
  readonly refusalWindowMs: number;
  /** How long a delivery may be due before the sweep enqueues it again. */
  readonly webhookOverdueMs: number;
}

const envSchema = z.object({
  DOMICILE_ENV: z.enum(["production", "local"]),
  REGION: regionSchema,
  ISSUER: z.url(),
  UPSTREAM_TIMEOUT_MS: z.coerce.number().int().min(1),
  CONFIG_REFRESH_SECONDS: z.coerce.number().positive(),
  CONFIG_MAX_AGE_SECONDS: z.coerce.number().positive().max(300),
  AUDIT_SHARDS: z.coerce.number().int().min(1).max(256),
  EVENT_SHARDS: z.coerce.number().int().min(1).max(256),
  WEBHOOK_TIMEOUT_MS: z.coerce.number().int().min(1),
  REFUSAL_WINDOW_SECONDS: z.coerce.number().positive(),
  WEBHOOK_OVERDUE_SECONDS: z.coerce.number().positive(),
  CHECKPOINT_SECONDS: z.coerce.number().positive(),
  SESSION_KEYS: json(z.array(privateKeySchema).min(1)),
  AUDIT_SEALING_KEYS: json(z.array(sealingPrivateKeySchema).min(1)),
  AUDIT_SIGNING_KEY: json(signingKeySchema),
  AUDIT_PUBLIC_KEYS: json(z.record(z.enum(regionNames), sealingPublicKeySchema)),
  API_KEY_CHECKSUM_KEY: z.string().min(32),
  DIRECTORY_KEY: z.string().min(32),
  DATA_KEYS: json(z.array(dataKeySchema).min(1)),
  HASH_KEY: z.string().min(32),
});

const known = new WeakMap<RegionEnv, RegionSettings>();

/** The settings of an environment; throws on the first use of one that is not whole. */
export function settingsOf(env: RegionEnv): RegionSettings {
  const found = known.get(env);
  if (found !== undefined) return found;
  const parsed = envSchema.parse(env, { reportInput: false });
  const dataKeys = new DataKeyRing(parsed.DATA_KEYS);
  const customerKeys = new CustomerKeys(dataKeys);
  const settings: RegionSettings = {
    region: parsed.REGION,
    environment: parsed.DOMICILE_ENV,
    issuer: parsed.ISSUER,
    upstreamTimeoutMs: parsed.UPSTREAM_TIMEOUT_MS,
    keys: new KeyRing(parsed.SESSION_KEYS, { issuer: parsed.ISSUER, region: parsed.REGION }),
    checksumKey: parsed.API_KEY_CHECKSUM_KEY,
    directoryKey: parsed.DIRECTORY_KEY,
    dataKeys,
    hashKey: parsed.HASH_KEY,
    config: new ConfigCache(env.CONFIG, {
      refreshMs: parsed.CONFIG_REFRESH_SECONDS * 1000,
      maximumMs: parsed.CONFIG_MAX_AGE_SECONDS * 1000,
      now: () => Date.now(),
    }),
    audit: auditKeys(parsed.REGION, parsed.ISSUER, dataKeys, {
      sealing: parsed.AUDIT_SEALING_KEYS,
      signing: parsed.AUDIT_SIGNING_KEY,
    }),
    auditShards: parsed.AUDIT_SHARDS,
    eventShards: parsed.EVENT_SHARDS,
    customerKeys,
    sealingKeys: new SealingKeys(customerKeys),
    regionSeals: new RegionSeals(parsed.REGION, parsed.AUDIT_PUBLIC_KEYS, parsed.AUDIT_SEALING_KEYS),
    webhookTimeoutMs: parsed.WEBHOOK_TIMEOUT_MS,
    refusalWindowMs: parsed.REFUSAL_WINDOW_SECONDS * 1000,
    webhookOverdueMs: parsed.WEBHOOK_OVERDUE_SECONDS * 1000,
    checkpointMs: parsed.CHECKPOINT_SECONDS * 1000,
  };
  known.set(env, settings);
  return settings;
}

function json<T extends z.ZodType>(schema: T) {
  return z
    .string()
    .transform((text, ctx) => parseJson(text, ctx))
    .pipe(schema);
}

function parseJson(text: string, ctx: z.core.$RefinementCtx): unknown {
  try {
    return JSON.parse(text);
  } catch {
    ctx.addIssue({ code: "custom", message: "is not JSON" });
    return z.NEVER;
  }
}
