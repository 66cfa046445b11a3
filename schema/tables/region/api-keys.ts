import { index, integer, pgTable, primaryKey, text, timestamp } from "drizzle-orm/pg-core";
import type { Scope } from "../../principal.ts";

/** API keys: a hash of the secret, never the secret. `tier` null is the customer's tier. */
export const apiKeys = pgTable(
  "api_keys",
  {
    customerId: text("customer_id").notNull(),
    id: text().notNull(),
    name: text().notNull(),
    tier: text(),
    scopes: text().array().$type<Scope[]>().notNull(),
    secretHash: text("secret_hash").notNull(),
    createdBy: text("created_by"),
    version: integer().notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull(),
    expiresAt: timestamp("expires_at", { withTimezone: true }),
    revokedAt: timestamp("revoked_at", { withTimezone: true }),
  },
  (table) => [
    primaryKey({ columns: [table.customerId, table.id] }),
    index("api_keys_id").on(table.id),
    index("api_keys_created_by").on(table.customerId, table.createdBy),
  ],
);
