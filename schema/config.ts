import { z } from "zod";
import { idSchema } from "./ids.ts";
import { regionSchema } from "./regions.ts";
import type { CrossRegionEndpoint, PublishedEndpoint } from "./webhooks/cross-region.ts";
import type { PublicJwk } from "./webhooks/public-key.ts";

const time = z.iso.datetime({ offset: true });

/** One rate limit of a tier: a token bucket of `quota` tokens that refills `quota` in `window_seconds`. */
export const policySchema = z
  .object({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9_-]{0,15}$/)
      .meta({ example: "sec" }),
    quota: z.int().min(1).max(1_000_000),
    window_seconds: z.int().min(1).max(86_400),
  })
  .meta({ id: "Policy" });

/** One rate limit of a tier. */
export type Policy = z.infer<typeof policySchema>;

/** A zod schema for the name of a tier. */
export const tierNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,31}$/)
  .meta({ example: "basic" });

/**
 * A rate-limit plan. An unlimited tier has no policies; its principals are asked about at the Gate only every
 * `recheck_seconds` (1 to 5), which therefore bounds how long a revocation takes.
 */
export const tierSchema = z
  .object({
    name: tierNameSchema,
    unlimited: z.boolean(),
    recheck_seconds: z.int().min(1).max(5),
    policies: z.array(policySchema).max(4),
  })
  .meta({ id: "Tier" });

/** A rate-limit plan. */
export type Tier = z.infer<typeof tierSchema>;

/** `active`; `draining`: existing sessions only; `closed`: nobody is served, 503. */
export const regionStatusSchema = z.enum(["active", "draining", "closed"]);

/** A region and whether it serves. */
export const regionStateSchema = z
  .object({ name: regionSchema, status: regionStatusSchema, updated_at: time })
  .meta({ id: "Region" });

/** A region and whether it serves. */
export type RegionState = z.infer<typeof regionStateSchema>;

/** A company that uses the platform: global configuration, nothing personal. */
export const customerSchema = z
  .object({
    id: idSchema("customer"),
    name: z.string().min(1).max(200),
    status: z.enum(["active", "suspended"]),
    tier: tierNameSchema,
    key_tiers: z.array(tierNameSchema).meta({ description: "Tiers that the customer may give to an API key." }),
    allowed_regions: z.array(regionSchema).min(1),
    default_region: regionSchema,
    travel_policy: z.enum(["allow", "reauthenticate"]),
    cors_origins: z.array(z.string()).max(50),
    upstreams: z.partialRecord(regionSchema, z.string()).meta({ description: "The customer's own API, by region." }),
    audit_retention_days: z
      .int()
      .min(365)
      .max(3650)
      .meta({ description: "For how long audit records can be listed; after that they are in the region's bucket." }),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: "Customer" });

/** A company that uses the platform. */
export type Customer = z.infer<typeof customerSchema>;

/** Where a login lives; all that the login directory tells. */
export interface LoginEntry {
  readonly customer_id: string;
  readonly region: z.infer<typeof regionSchema>;
}

/** What a region needs to know for a request of a customer, read at once. `customer`: null if there is none by that id. */
export interface ConfigSnapshot {
  readonly customer: Customer | null;
  readonly tiers: readonly Tier[];
  readonly regions: readonly RegionState[];
}

/** The read-only face of the global configuration, as edge and regions bind it (entrypoint `ConfigReader`). */
export interface ConfigReaderApi {
  snapshot(customerId: string): Promise<ConfigSnapshot>;
  /** For requests without a customer: sign-ins, operators. */
  regions(): Promise<RegionState[]>;
  /** Every origin that some customer allows, for CORS preflights, which carry no credential. */
  corsOrigins(): Promise<string[]>;
  /** The versions of a customer's public keys that are not revoked, and until when each is valid, in epoch milliseconds. */
  publicKeys(customerId: string): Promise<PublicKeyVersion[]>;
  /** A customer's endpoints that opted in to events of other regions, and those that took it back. */
  crossRegionEndpoints(customerId: string): Promise<PublishedEndpoint[]>;
}

/** A version of a customer's public key. `expires_at`: epoch milliseconds; null: it is the newest. */
export interface PublicKeyVersion {
  readonly id: string;
  readonly version: number;
  readonly kid: string;
  readonly jwk: PublicJwk;
  readonly created_at: number;
  readonly expires_at: number | null;
}

/** The writing face of what webhooks keep in the global configuration, as the regions bind it (entrypoint `WebhookConfig`). */
export interface WebhookConfigApi {
  /** `taken`: the customer has registered that key already; `full`: it has as many as it may. */
  createKey(
    customerId: string,
    key: { id: string; kid: string; jwk: PublicJwk },
  ): Promise<"created" | "taken" | "full">;
  /** The valid versions of the customer's keys, read from the primary. */
  keys(customerId: string): Promise<PublicKeyVersion[]>;
  rotateKey(
    customerId: string,
    key: { id: string; kid: string; jwk: PublicJwk },
    graceSeconds: number,
  ): Promise<"rotated" | "taken" | "full" | "missing">;
  revokeKey(customerId: string, id: string): Promise<"revoked" | "missing">;
  /** Publishes an endpoint for the other regions, or takes it back (`endpoint` null). An older version changes nothing. */
  publish(customerId: string, id: string, version: number, endpoint: CrossRegionEndpoint | null): Promise<void>;
}

/** The read-only face of the login directory, as the edge binds it (entrypoint `LoginLookup`). */
export interface LoginLookupApi {
  /** By keyed hash of the e-mail address (`loginHash`). */
  byHash(hash: string): Promise<(LoginEntry & { user_id: string }) | null>;
  /** By user id, up to 100 at once. A user who is not in the directory is not in the answer. */
  byUsers(userIds: readonly string[]): Promise<Record<string, LoginEntry>>;
}

/** The writing face of the login directory, as the regions bind it (entrypoint `LoginDirectory`). */
export interface LoginDirectoryApi {
  /**
   * Reserves `hash` for a user about to be created. `taken` if another user has it confirmed, or reserved less than a
   * minute ago. Reserving again for the same user succeeds.
   */
  reserve(hash: string, entry: LoginEntry & { user_id: string }): Promise<"reserved" | "taken">;
  /** Makes a reservation permanent, after the user's row is committed in the home region. */
  confirm(hash: string, userId: string): Promise<void>;
  /** Forgets the login of a user. */
  release(userId: string): Promise<void>;
}
