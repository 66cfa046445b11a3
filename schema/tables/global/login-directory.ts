import { index, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import type { Customer } from "../../config.ts";
import { customers } from "./configuration.ts";

/**
 * Where each login lives. `hash` is keyed (see schema/login-hash.ts) and the key is not here, so a row says of a person only
 * that somebody with an opaque id belongs to a customer and a region.
 */
export const loginDirectory = pgTable(
  "login_directory",
  {
    hash: text().primaryKey(),
    customerId: text("customer_id")
      .notNull()
      .references(() => customers.id),
    region: text().$type<Customer["default_region"]>().notNull(),
    userId: text("user_id").notNull().unique(),
    reservedAt: timestamp("reserved_at", { withTimezone: true }).notNull(),
    confirmedAt: timestamp("confirmed_at", { withTimezone: true }),
  },
  (table) => [index("login_directory_customer_region").on(table.customerId, table.region)],
);
