import { sql } from "drizzle-orm";
import { index, integer, jsonb, pgTable, primaryKey, text, timestamp, uniqueIndex } from "drizzle-orm/pg-core";
import type { CrossRegionEndpoint } from "../../webhooks/cross-region.ts";
import type { PublicJwk } from "../../webhooks/public-key.ts";
import { customers } from "./configuration.ts";

/** Versions of the public keys by which customers want webhooks encrypted. Valid: neither revoked nor past `expires_at`. */
export const publicKeys = pgTable(
  "public_keys",
  {
    customerId: text("customer_id")
      .notNull()
      .references(() => customers.id),
    id: text().notNull(),
    version: integer().notNull(),
    /** JWK thumbprint (RFC 7638). */
    kid: text().notNull(),
    jwk: jsonb().$type<PublicJwk>().notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull(),
    /** The end of the grace of a version that was replaced; null: it is the newest. */
    expiresAt: timestamp("expires_at", { withTimezone: true }),
    revokedAt: timestamp("revoked_at", { withTimezone: true }),
  },
  (table) => [
    primaryKey({ columns: [table.customerId, table.id, table.version] }),
    uniqueIndex("public_keys_kid")
      .on(table.customerId, table.kid)
      .where(sql`revoked_at is null`),
  ],
);

/** Endpoints that opted in to events of other regions, as those regions need them. Secrets are sealed to each region's public key. */
export const crossRegionEndpoints = pgTable(
  "cross_region_endpoints",
  {
    customerId: text("customer_id")
      .notNull()
      .references(() => customers.id),
    id: text().primaryKey(),
    version: integer().notNull(),
    /** Null: taken back; the row stays, so that an older version does not bring it back. */
    endpoint: jsonb().$type<CrossRegionEndpoint>(),
    updatedAt: timestamp("updated_at", { withTimezone: true }).notNull(),
  },
  (table) => [index("cross_region_endpoints_customer").on(table.customerId)],
);
