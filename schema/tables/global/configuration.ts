import { boolean, integer, jsonb, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import type { Customer, Policy } from "../../config.ts";

/** Rate-limit plans. */
export const tiers = pgTable("tiers", {
  name: text().primaryKey(),
  unlimited: boolean().notNull(),
  recheckSeconds: integer("recheck_seconds").notNull(),
  policies: jsonb().$type<Policy[]>().notNull(),
});

/** Companies that use the platform. Nothing personal. */
export const customers = pgTable("customers", {
  id: text().primaryKey(),
  name: text().notNull(),
  status: text().$type<Customer["status"]>().notNull(),
  tier: text()
    .notNull()
    .references(() => tiers.name),
  keyTiers: text("key_tiers").array().notNull(),
  allowedRegions: text("allowed_regions").array().$type<Customer["allowed_regions"]>().notNull(),
  defaultRegion: text("default_region").$type<Customer["default_region"]>().notNull(),
  travelPolicy: text("travel_policy").$type<Customer["travel_policy"]>().notNull(),
  corsOrigins: text("cors_origins").array().notNull(),
  upstreams: jsonb().$type<Customer["upstreams"]>().notNull(),
  auditRetentionDays: integer("audit_retention_days").notNull().default(365),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull(),
  updatedAt: timestamp("updated_at", { withTimezone: true }).notNull(),
});

/** Whether each region serves. */
export const regionStates = pgTable("regions", {
  name: text().$type<Customer["default_region"]>().primaryKey(),
  status: text().$type<"active" | "draining" | "closed">().notNull(),
  updatedAt: timestamp("updated_at", { withTimezone: true }).notNull(),
});
