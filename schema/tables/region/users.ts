import { sql } from "drizzle-orm";
import { foreignKey, index, integer, pgTable, primaryKey, text, timestamp, unique } from "drizzle-orm/pg-core";
import type { Role } from "../../principal.ts";

/**
 * Users at home. `email` is normalized. A deleted user stays as a row without anything personal, so that its id is never
 * anybody else's. `version` rises with each change that a Gate must learn of.
 */
export const users = pgTable(
  "users",
  {
    customerId: text("customer_id").notNull(),
    id: text().notNull(),
    email: text(),
    name: text(),
    passwordHash: text("password_hash"),
    role: text().$type<Role>().notNull(),
    status: text().$type<"active" | "disabled">().notNull(),
    version: integer().notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull(),
    updatedAt: timestamp("updated_at", { withTimezone: true }).notNull(),
    deletedAt: timestamp("deleted_at", { withTimezone: true }),
  },
  (table) => [
    primaryKey({ columns: [table.customerId, table.id] }),
    unique("users_email").on(table.customerId, table.email),
    index("users_id").on(table.id),
  ],
);

/** Sessions. Live while `ended_at` is null and `expires_at` is ahead; never renewed past `ends_at`. */
export const sessions = pgTable(
  "sessions",
  {
    customerId: text("customer_id").notNull(),
    id: text().notNull(),
    userId: text("user_id").notNull(),
    country: text(),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull(),
    expiresAt: timestamp("expires_at", { withTimezone: true }).notNull(),
    endsAt: timestamp("ends_at", { withTimezone: true }).notNull(),
    endedAt: timestamp("ended_at", { withTimezone: true }),
  },
  (table) => [
    primaryKey({ columns: [table.customerId, table.id] }),
    foreignKey({ columns: [table.customerId, table.userId], foreignColumns: [users.customerId, users.id] }),
    index("sessions_live")
      .on(table.customerId, table.userId, table.id)
      .where(sql`ended_at is null`),
    index("sessions_user")
      .on(table.userId)
      .where(sql`ended_at is null`),
  ],
);
