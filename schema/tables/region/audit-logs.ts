import { sql } from "drizzle-orm";
import { bigint, date, index, integer, pgTable, primaryKey, smallint, text, timestamp } from "drizzle-orm/pg-core";
import type { Outcome } from "../../audit/entry.ts";
import type { Region } from "../../regions.ts";
import { bytea } from "../bytea.ts";

/** The columns of a record: those of the last 30 days and archived ones are the same, since days move from one table to the other. */
function columns() {
  return {
    customerId: text("customer_id").notNull(),
    id: text().notNull(),
    userId: text("user_id"),
    apiKeyId: text("api_key_id"),
    action: text().notNull(),
    resourceType: text("resource_type").notNull(),
    resourceId: text("resource_id"),
    outcome: text().$type<Outcome>().notNull(),
    timestamp: timestamp({ withTimezone: true, precision: 3 }).notNull(),
    requestId: text("request_id").notNull(),
    region: text().$type<Region>().notNull(),
    /** Where the record is in the customer's tree. */
    leafIndex: bigint("leaf_index", { mode: "number" }).notNull(),
    personalCommitment: bytea("personal_commitment").notNull(),
    personalSealed: bytea("personal_sealed"),
    /** How many requests the record stands for; null: one. */
    count: integer(),
  };
}

/** The audit log of the last 30 days, by day. The application may select, the writer insert; a trigger refuses everything else. */
export const auditLogs = pgTable("audit_logs", columns(), (table) => [
  primaryKey({ columns: [table.customerId, table.id, table.timestamp] }),
  index("audit_logs_user")
    .on(table.customerId, table.userId, table.timestamp.desc().nullsFirst(), table.id.desc().nullsFirst())
    .where(sql`user_id is not null`),
  index("audit_logs_api_key")
    .on(table.customerId, table.apiKeyId, table.timestamp.desc().nullsFirst(), table.id.desc().nullsFirst())
    .where(sql`api_key_id is not null`),
  index("audit_logs_timestamp").on(table.customerId, table.timestamp.desc().nullsFirst(), table.id.desc().nullsFirst()),
  index("audit_logs_action").on(
    table.customerId,
    table.action,
    table.timestamp.desc().nullsFirst(),
    table.id.desc().nullsFirst(),
  ),
  index("audit_logs_failed")
    .on(table.customerId, table.outcome, table.timestamp.desc().nullsFirst(), table.id.desc().nullsFirst())
    .where(sql`outcome <> 'success'`),
  index("audit_logs_leaf").on(table.customerId, table.leafIndex),
]);

/** The audit log from the 31st day to the end of its retention. */
export const auditLogsArchive = pgTable("audit_logs_archive", columns(), (table) => [
  primaryKey({ columns: [table.customerId, table.id, table.timestamp] }),
  index("audit_logs_archive_user")
    .on(table.customerId, table.userId, table.timestamp.desc().nullsFirst(), table.id.desc().nullsFirst())
    .where(sql`user_id is not null`),
  index("audit_logs_archive_api_key")
    .on(table.customerId, table.apiKeyId, table.timestamp.desc().nullsFirst(), table.id.desc().nullsFirst())
    .where(sql`api_key_id is not null`),
  index("audit_logs_archive_timestamp").on(
    table.customerId,
    table.timestamp.desc().nullsFirst(),
    table.id.desc().nullsFirst(),
  ),
  index("audit_logs_archive_action").on(
    table.customerId,
    table.action,
    table.timestamp.desc().nullsFirst(),
    table.id.desc().nullsFirst(),
  ),
  index("audit_logs_archive_failed")
    .on(table.customerId, table.outcome, table.timestamp.desc().nullsFirst(), table.id.desc().nullsFirst())
    .where(sql`outcome <> 'success'`),
  index("audit_logs_archive_leaf").on(table.customerId, table.leafIndex),
]);

/**
 * The Merkle tree of each customer's log: nodes of level L are the roots of 256^L leaves, `hashes` those of consecutive ones from
 * `first` on, 32 bytes each. A row for each append, never changed. Two writers that append at the same place collide at the key.
 */
export const auditTree = pgTable(
  "audit_tree",
  {
    customerId: text("customer_id").notNull(),
    level: smallint().notNull(),
    first: bigint({ mode: "number" }).notNull(),
    hashes: bytea().notNull(),
  },
  (table) => [primaryKey({ columns: [table.customerId, table.level, table.first] })],
);

/** The data key of each subject, wrapped; destroyed: null for good, and with it the personal fields of the subject's records. */
export const auditDataKeys = pgTable(
  "audit_data_keys",
  {
    customerId: text("customer_id").notNull(),
    subjectId: text("subject_id").notNull(),
    wrapped: bytea(),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull(),
    destroyedAt: timestamp("destroyed_at", { withTimezone: true }),
  },
  (table) => [primaryKey({ columns: [table.customerId, table.subjectId] })],
);

/** Signed checkpoints of the trees. The region's bucket has them too: what Postgres forgets, the bucket remembers. */
export const auditCheckpoints = pgTable(
  "audit_checkpoints",
  {
    customerId: text("customer_id").notNull(),
    size: bigint({ mode: "number" }).notNull(),
    note: text().notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.customerId, table.size] })],
);

/** What of the log is in the region's bucket: one object for a customer's day, or for what of it came late. */
export const auditObjects = pgTable(
  "audit_objects",
  {
    customerId: text("customer_id").notNull(),
    day: date().notNull(),
    part: integer().notNull(),
    objectKey: text("object_key").notNull(),
    records: integer().notNull(),
    sha256: text().notNull(),
    storedAt: timestamp("stored_at", { withTimezone: true }).notNull(),
    /** When it had been read back and found whole, and its rows were taken out of Postgres. */
    removedAt: timestamp("removed_at", { withTimezone: true }),
    /** Set by a restore: until then its rows stay in Postgres. */
    restoredUntil: timestamp("restored_until", { withTimezone: true }),
  },
  (table) => [
    primaryKey({ columns: [table.customerId, table.day, table.part] }),
    index("audit_objects_day").on(table.day),
  ],
);

/** Messages that no consumer could take, as they came: sealed. Kept until an operator has seen to them. */
export const deadLetters = pgTable("dead_letters", {
  id: text().primaryKey(),
  queue: text().notNull(),
  reason: text().notNull(),
  body: text().notNull(),
  receivedAt: timestamp("received_at", { withTimezone: true }).notNull(),
  replayedAt: timestamp("replayed_at", { withTimezone: true }),
});
