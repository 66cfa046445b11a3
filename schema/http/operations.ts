import { z } from "zod";
import { idSchema } from "../ids.ts";
import { regionSchema } from "../regions.ts";
import { textSchema } from "../text.ts";
import { reasonSchema } from "./events.ts";
import { pageOf, pageQuery, timestamp } from "./list.ts";
import { route } from "./route.ts";

/** Which region an operator asks: each has its own log, queues and bucket. */
export const inRegion = z.object({ region: regionSchema });

const base = { access: { who: "operator" }, servedBy: "region", tag: "operations" } as const;
const letters = { ...base, resource: "dead_letter" } as const;
const days = { ...base, resource: "audit_day" } as const;
const byDay = z.object({ day: z.iso.date().meta({ example: "2026-11-23" }) });

const deadLetter = z
  .object({
    id: z.string(),
    queue: z.string().meta({ example: "domicile-audit-eu" }),
    reason: z.string().meta({ example: "not_sealed_to_us" }),
    received_at: timestamp,
    replayed_at: timestamp.nullable(),
  })
  .meta({ id: "DeadLetter" });

/** Messages that no consumer could take. Their bodies stay sealed. */
export const listDeadLetters = route({
  ...letters,
  method: "GET",
  path: "/operator/v1/dead-letters",
  operationId: "listDeadLetters",
  routing: "region",
  summary: "List dead letters of a region",
  action: "dead_letter.list",
  query: inRegion.extend(pageQuery).extend({ state: z.enum(["waiting", "replayed"]).default("waiting") }),
  answers: { 200: { description: "Dead letters, newest id first.", schema: pageOf(deadLetter) } },
});

/** Gives a dead letter to its consumer again. 409 if it still cannot be taken. */
export const replayDeadLetter = route({
  ...letters,
  method: "POST",
  path: "/operator/v1/dead-letters/{id}/replay",
  operationId: "replayDeadLetter",
  routing: "region",
  summary: "Replay a dead letter",
  action: "dead_letter.replay",
  params: z.object({ id: z.string().regex(/^[\w-]{1,128}$/) }),
  query: inRegion,
  answers: { 200: { description: "Taken, now or earlier.", schema: deadLetter } },
});

/** Gives every waiting dead letter to its consumer again, for some seconds: ask again while `waiting` is not 0. */
export const replayDeadLetters = route({
  ...letters,
  method: "POST",
  path: "/operator/v1/dead-letters/replay",
  operationId: "replayDeadLetters",
  routing: "region",
  summary: "Replay the waiting dead letters of a region",
  action: "dead_letter.replay_all",
  query: inRegion,
  answers: {
    200: {
      description: "How many were taken, and how many still cannot be.",
      schema: z.object({ replayed: z.int(), refused: z.int(), waiting: z.int() }).meta({ id: "ReplayedDeadLetters" }),
    },
  },
});

const auditDay = z
  .object({
    day: z.iso.date(),
    held_in: z.enum(["audit_logs", "audit_logs_archive", "bucket"]),
    /** Objects in the bucket, and the records in them. */
    objects: z.int(),
    records_in_bucket: z.int(),
    restored_until: timestamp.nullable(),
  })
  .meta({ id: "AuditDay" });

/** Where each day of the audit log is. */
export const listAuditDays = route({
  ...days,
  method: "GET",
  path: "/operator/v1/audit-days",
  operationId: "listAuditDays",
  routing: "region",
  summary: "List the days of a region's audit log",
  action: "audit_day.list",
  query: inRegion.extend(pageQuery),
  answers: { 200: { description: "Days, newest first.", schema: pageOf(auditDay) } },
});

/** Does a part of the nightly work now: ask again until `done`. */
export const runAuditRetention = route({
  ...days,
  method: "POST",
  path: "/operator/v1/audit-days/retention",
  operationId: "runAuditRetention",
  routing: "region",
  summary: "Archive and store old days now",
  action: "audit_day.retention",
  query: inRegion,
  answers: {
    200: {
      description: "What was done within some seconds.",
      schema: z
        .object({ archived: z.int(), stored: z.int(), removed: z.int(), done: z.boolean() })
        .meta({ id: "AuditRetention" }),
    },
  },
});

/** Brings a day back from the bucket, verified, so that it can be listed again. */
export const restoreAuditDay = route({
  ...days,
  method: "POST",
  path: "/operator/v1/audit-days/{day}/restore",
  operationId: "restoreAuditDay",
  routing: "region",
  summary: "Restore a day of the audit log from the bucket",
  action: "audit_day.restore",
  params: byDay,
  query: inRegion.extend({ keep_days: z.coerce.number().int().min(1).max(90).default(7) }),
  answers: {
    200: {
      description: "Back in the archive until the time that is named.",
      schema: z
        .object({ day: z.iso.date(), objects: z.int(), records: z.int(), restored_until: timestamp })
        .meta({ id: "RestoredDay" }),
    },
  },
});

/** Wraps data keys anew under the first key of the region's ring: ask again until `waiting` is 0, then the old key can go. */
export const rewrapDataKeys = route({
  ...base,
  resource: "data_key",
  method: "POST",
  path: "/operator/v1/data-keys/rewrap",
  operationId: "rewrapDataKeys",
  routing: "region",
  summary: "Rewrap the data keys of a region after its key ring was rotated",
  action: "data_key.rewrap",
  query: inRegion,
  answers: {
    200: {
      description: "How many were rewrapped within some seconds, and how many are left.",
      schema: z.object({ rewrapped: z.int(), waiting: z.int() }).meta({ id: "RewrappedDataKeys" }),
    },
  },
});

/** Opens the payload of any customer's event, with a reason and a ticket, which that customer's own audit log then shows. */
export const operatorDecryptEvent = route({
  ...base,
  resource: "event",
  method: "POST",
  path: "/operator/v1/events/{id}/decrypt",
  operationId: "operatorDecryptEvent",
  routing: "any",
  summary: "Open the payload of an event, on the customer's record",
  action: "event.decrypt",
  params: z.object({ id: idSchema("event") }),
  query: z.object({ region: regionSchema.optional() }),
  body: z.strictObject({ reason: reasonSchema, ticket: textSchema(1, 100).meta({ example: "INC-4711" }) }),
  answers: {
    200: { description: "The payload.", schema: z.object({ data: z.unknown() }).meta({ id: "OpenedPayload" }) },
  },
});

/** Destroys a customer's data keys in a region: what its events held is gone for good. Their metadata stays. */
export const destroyCustomerDataKeys = route({
  ...base,
  resource: "customer",
  method: "DELETE",
  path: "/operator/v1/customers/{id}/data-keys",
  operationId: "destroyCustomerDataKeys",
  routing: "region",
  summary: "Erase the payloads of a customer's events in a region",
  action: "customer.data_keys.destroy",
  params: z.object({ id: idSchema("customer") }),
  query: inRegion,
  answers: { 204: { description: "Destroyed." } },
});

/** Numbers of every region, as Prometheus reads them. */
export const getMetrics = route({
  ...base,
  servedBy: "edge",
  method: "GET",
  path: "/operator/v1/metrics",
  operationId: "getMetrics",
  summary: "Metrics in the Prometheus text format",
  action: "metrics.read",
  resource: "metrics",
  answers: {
    200: {
      description: "The text format (https://prometheus.io/docs/instrumenting/exposition_formats/).",
      mediaType: "text/plain",
    },
  },
});

/** Every route of the noun. */
export const operationRoutes = [
  listDeadLetters,
  replayDeadLetter,
  replayDeadLetters,
  listAuditDays,
  runAuditRetention,
  restoreAuditDay,
  rewrapDataKeys,
  operatorDecryptEvent,
  destroyCustomerDataKeys,
  getMetrics,
] as const;
