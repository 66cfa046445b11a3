import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
  uniqueIndex,
} from "drizzle-orm/pg-core";
import type { Region } from "../../regions.ts";
import type { AttemptError, DeliveryStatus, DisabledReason } from "../../webhooks/delivery.ts";
import { bytea } from "../bytea.ts";

/**
 * Facts that a customer emitted about its users of this region. `payload` is sealed under the customer's data key and names its version;
 * null once erased. Type, time and size stay readable.
 */
export const events = pgTable(
  "events",
  {
    customerId: text("customer_id").notNull(),
    id: text().notNull(),
    type: text().notNull(),
    userId: text("user_id"),
    /** Bytes of `data` before it was sealed. */
    size: integer().notNull(),
    payload: bytea(),
    createdAt: timestamp("created_at", { withTimezone: true, precision: 3 }).notNull(),
    /** Keyed hashes of principal, route and `Idempotency-Key`, and of the body: the same request makes one event, even if its answer was lost in a crash. */
    requestKey: text("request_key"),
    requestHash: text("request_hash"),
    /** Its user was deleted: the payload goes as soon as nothing of it waits to be delivered. */
    eraseWhenDone: boolean("erase_when_done").notNull().default(false),
  },
  (table) => [
    primaryKey({ columns: [table.customerId, table.id] }),
    uniqueIndex("events_request_key")
      .on(table.customerId, table.requestKey)
      .where(sql`request_key is not null`),
    index("events_type").on(table.customerId, table.type, table.id.desc().nullsFirst()),
    index("events_user")
      .on(table.customerId, table.userId, table.id.desc().nullsFirst())
      .where(sql`user_id is not null`),
    index("events_created_at").on(table.createdAt),
    index("events_to_erase")
      .on(table.createdAt)
      .where(sql`erase_when_done and payload is not null`),
  ],
);

/** Where customers want events. `home_region` is another than this one for the copy of an endpoint that opted in to events of this region. */
export const webhookEndpoints = pgTable(
  "webhook_endpoints",
  {
    customerId: text("customer_id").notNull(),
    id: text().notNull(),
    homeRegion: text("home_region").$type<Region>().notNull(),
    url: text().notNull(),
    eventTypes: text("event_types").array().notNull(),
    description: text(),
    status: text().$type<"enabled" | "disabled">().notNull(),
    disabledReason: text("disabled_reason").$type<DisabledReason>(),
    ordering: text().$type<"none" | "fifo">().notNull(),
    ratePerSecond: integer("rate_per_second"),
    signing: text().$type<"v1" | "v1a">().notNull(),
    publicKeyId: text("public_key_id"),
    crossRegion: jsonb("cross_region").$type<{ legal_basis: string; opted_in_at: string }>(),
    /** Rises with each change; of a copy: that of the original it was made from. */
    version: integer().notNull(),
    /** What other regions have been told of an endpoint that ever opted in; 0: perhaps something, to be told anew; null: it never has. */
    publishedVersion: integer("published_version"),
    /** Since when every try has failed; null: the last one did not. */
    failingSince: timestamp("failing_since", { withTimezone: true }),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull(),
    updatedAt: timestamp("updated_at", { withTimezone: true }).notNull(),
    deletedAt: timestamp("deleted_at", { withTimezone: true }),
  },
  (table) => [
    primaryKey({ columns: [table.customerId, table.id] }),
    index("webhook_endpoints_id").on(table.id),
    index("webhook_endpoints_unpublished")
      .on(table.id)
      .where(
        sql`published_version is distinct from version and (cross_region is not null or published_version is not null)`,
      ),
  ],
);

/** Signing secrets of endpoints, sealed by the region's ring; several are valid while one replaces another. */
export const webhookSecrets = pgTable(
  "webhook_secrets",
  {
    customerId: text("customer_id").notNull(),
    endpointId: text("endpoint_id").notNull(),
    number: integer().notNull(),
    sealed: bytea().notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull(),
    expiresAt: timestamp("expires_at", { withTimezone: true }),
  },
  (table) => [primaryKey({ columns: [table.customerId, table.endpointId, table.number] })],
);

/**
 * One event for one endpoint. `seq` is the order of acceptance; `attempts` counts all tries, `tries` those since it became pending, `rounds` how
 * often it was looked at as a dead letter since.
 */
export const deliveries = pgTable(
  "deliveries",
  {
    customerId: text("customer_id").notNull(),
    id: text().notNull(),
    seq: bigint({ mode: "number" }).generatedAlwaysAsIdentity().notNull(),
    endpointId: text("endpoint_id").notNull(),
    eventId: text("event_id").notNull(),
    status: text().$type<DeliveryStatus>().notNull(),
    attempts: integer().notNull().default(0),
    tries: integer().notNull().default(0),
    rounds: integer().notNull().default(0),
    /** Why it is parked, if not for failed tries: a `ParkReason`. */
    parkedFor: text("parked_for"),
    nextAttemptAt: timestamp("next_attempt_at", { withTimezone: true, precision: 3 }),
    /** When a dead letter may be looked at again; null: never (or it is none). */
    redriveAt: timestamp("redrive_at", { withTimezone: true, precision: 3 }),
    createdAt: timestamp("created_at", { withTimezone: true, precision: 3 }).notNull(),
    deliveredAt: timestamp("delivered_at", { withTimezone: true, precision: 3 }),
  },
  (table) => [
    primaryKey({ columns: [table.customerId, table.id] }),
    foreignKey({ columns: [table.customerId, table.eventId], foreignColumns: [events.customerId, events.id] }),
    unique("deliveries_event_endpoint").on(table.customerId, table.eventId, table.endpointId),
    index("deliveries_due")
      .on(table.endpointId, table.nextAttemptAt, table.seq)
      .where(sql`status = 'pending'`),
    index("deliveries_undelivered")
      .on(table.endpointId, table.seq)
      .where(sql`status <> 'delivered'`),
    index("deliveries_parked")
      .on(table.endpointId, table.redriveAt)
      .where(sql`status = 'dead_letter' and redrive_at is not null`),
    index("deliveries_endpoint").on(table.customerId, table.endpointId, table.id.desc().nullsFirst()),
    index("deliveries_status")
      .on(table.customerId, table.status, table.id.desc().nullsFirst())
      .where(sql`status <> 'delivered'`),
    // Summarizing: a delivery that is made needs no entry of its own.
    index("deliveries_delivered_at").using("brin", table.deliveredAt),
  ],
);

/** HTTP tries of deliveries. `excerpt`: the beginning of the answer's body, sealed under the customer's data key. */
export const deliveryAttempts = pgTable(
  "delivery_attempts",
  {
    customerId: text("customer_id").notNull(),
    deliveryId: text("delivery_id").notNull(),
    number: integer().notNull(),
    statusCode: integer("status_code"),
    error: text().$type<AttemptError>(),
    durationMs: integer("duration_ms").notNull(),
    attemptedAt: timestamp("attempted_at", { withTimezone: true, precision: 3 }).notNull(),
    excerpt: bytea(),
  },
  (table) => [primaryKey({ columns: [table.customerId, table.deliveryId, table.number] })],
);

/** The data keys of each customer in this region, wrapped by the region's ring; destroyed: null for good, and with it the payloads. */
export const customerDataKeys = pgTable(
  "customer_data_keys",
  {
    customerId: text("customer_id").notNull(),
    version: integer().notNull(),
    wrapped: bytea(),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull(),
    destroyedAt: timestamp("destroyed_at", { withTimezone: true }),
  },
  (table) => [primaryKey({ columns: [table.customerId, table.version] })],
);
