import { index, pgTable, primaryKey, text, timestamp } from "drizzle-orm/pg-core";
import { bytea } from "../bytea.ts";

/**
 * First answers to requests with an `Idempotency-Key`, for 24 h. The body is kept as a keyed hash, the answer sealed, because it
 * may hold a new API key. `answer` is null while the first request runs.
 */
export const idempotencyKeys = pgTable(
  "idempotency_keys",
  {
    customerId: text("customer_id").notNull(),
    route: text().notNull(),
    key: text().notNull(),
    bodyHash: text("body_hash").notNull(),
    claimedAt: timestamp("claimed_at", { withTimezone: true }).notNull(),
    answer: bytea(),
  },
  (table) => [
    primaryKey({ columns: [table.customerId, table.route, table.key] }),
    index("idempotency_keys_claimed_at").on(table.claimedAt),
  ],
);
