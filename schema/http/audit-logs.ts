import { z } from "zod";
import { outcomes } from "../audit/entry.ts";
import { idSchema } from "../ids.ts";
import { regionSchema } from "../regions.ts";
import { textSchema } from "../text.ts";
import { pageOf, pageQuery, timestamp } from "./list.ts";
import { route } from "./route.ts";

/** What was done, by whom, to what, with what outcome. */
export const auditRecordSchema = z
  .object({
    id: idSchema("auditRecord"),
    user_id: z.string().nullable(),
    api_key_id: z.string().nullable(),
    action: z
      .string()
      .meta({ example: "session.create", description: "For proxied requests: method and path template." }),
    resource_type: z.string().meta({ example: "session" }),
    resource_id: z.string().nullable(),
    outcome: z.enum(outcomes),
    timestamp,
    ip_address: z.string().nullable(),
    user_agent: z.string().nullable(),
    detail: z.string().nullable().meta({ description: "Free text, such as a reason that was given." }),
    erased: z
      .boolean()
      .meta({ description: "Whether `ip_address`, `user_agent` and `detail` were erased with their user." }),
    request_id: z.string(),
    region: regionSchema,
    count: z.int().min(1).meta({
      description:
        "How many requests the record stands for. Refusals of a principal within ten seconds are aggregated into one record, which has the id of the first refused request.",
    }),
  })
  .meta({ id: "AuditRecord" });

/** A record as it is answered. */
export type AuditRecord = z.infer<typeof auditRecordSchema>;

const base = { tag: "audit", servedBy: "region", resource: "audit_log" } as const;
const everybody = { who: "principal", role: "viewer", scope: "audit:read" } as const;
const admins = { who: "principal", role: "admin", scope: "audit:read" } as const;
const inRegion = {
  region: regionSchema
    .optional()
    .meta({ description: "Another of the customer's regions; default: the caller's home." }),
};
const byId = z.object({ id: idSchema("auditRecord") });
const time = z.iso
  .datetime({ offset: true })
  .refine((text) => isRecordTime(Date.parse(text)), "must be a time after 1970 and before the year 10000")
  .meta({ example: "2026-11-23T08:00:00Z" });
const size = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const hash = z
  .string()
  .meta({ description: "SHA-256, base64.", example: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" });
const note = z.string().meta({ description: "A signed checkpoint (https://c2sp.org/tlog-checkpoint)." });
const verifierKey = z.string().meta({ description: "The key it is signed with (https://c2sp.org/signed-note)." });

/** Whether a time in epoch milliseconds is one that a record can have: Postgres and RFC 3339 have more and fewer than JavaScript. */
export function isRecordTime(milliseconds: number): boolean {
  return milliseconds >= 0 && milliseconds < Date.UTC(10_000, 0, 1);
}

/** Lists records, newest first. Admins and API keys see all of the customer's, everybody else their own. */
export const listAuditLogs = route({
  ...base,
  method: "GET",
  path: "/v1/audit-logs",
  operationId: "listAuditLogs",
  routing: "region",
  summary: "List audit records",
  access: everybody,
  action: "audit_log.list",
  query: z.object({
    ...pageQuery,
    ...inRegion,
    user_id: idSchema("user").optional(),
    api_key_id: idSchema("apiKey").optional(),
    action: textSchema(1, 256).optional(),
    outcome: z.enum(outcomes).optional(),
    from: time.optional().meta({ description: "Not before." }),
    to: time.optional().meta({ description: "Before." }),
  }),
  answers: { 200: { description: "Records, newest first.", schema: pageOf(auditRecordSchema) } },
});

/** The caller's own last actions. May be as old as `Age` says, five minutes at most. */
export const recentAuditLogs = route({
  ...base,
  method: "GET",
  path: "/v1/audit-logs/recent",
  operationId: "recentAuditLogs",
  summary: "The caller's own last actions",
  access: { ...everybody, scope: "anyKey" },
  action: "audit_log.recent",
  answers: {
    200: { description: "The last 20, newest first.", schema: z.object({ data: z.array(auditRecordSchema) }) },
  },
});

/** One record. */
export const getAuditLog = route({
  ...base,
  method: "GET",
  path: "/v1/audit-logs/{id}",
  operationId: "getAuditLog",
  routing: "region",
  summary: "Get an audit record",
  access: everybody,
  action: "audit_log.read",
  params: byId,
  query: z.object(inRegion),
  answers: { 200: { description: "The record.", schema: auditRecordSchema } },
});

/** Proves that a record is in the customer's tree (RFC 9162 §2.1.3), under a signed checkpoint. */
export const proveAuditLog = route({
  ...base,
  method: "GET",
  path: "/v1/audit-logs/{id}/proof",
  operationId: "proveAuditLog",
  routing: "region",
  summary: "Prove that a record is in the log",
  access: everybody,
  action: "audit_log.prove",
  params: byId,
  query: z.object(inRegion),
  answers: {
    200: {
      description: "An inclusion proof and the checkpoint it leads to.",
      schema: z
        .object({
          leaf_index: z.int(),
          tree_size: z.int(),
          leaf: z.string().meta({ description: "The bytes that the leaf hashes (canonical JSON, RFC 8785)." }),
          leaf_hash: hash,
          proof: z.array(hash),
          checkpoint: note,
          verifier_key: verifierKey,
        })
        .meta({ id: "InclusionProof" }),
    },
  },
});

/** The customer's tree as it is now, signed. */
export const getCheckpoint = route({
  ...base,
  method: "GET",
  path: "/v1/audit-logs/checkpoint",
  operationId: "getAuditCheckpoint",
  routing: "region",
  summary: "A signed checkpoint of the log",
  access: admins,
  action: "audit_log.checkpoint",
  query: z.object(inRegion),
  answers: {
    200: {
      description: "Keep it: whatever is cut off or rewritten later will not fit.",
      schema: z.object({ tree_size: z.int(), checkpoint: note, verifier_key: verifierKey }).meta({ id: "Checkpoint" }),
    },
  },
});

/** Proves that the log of one checkpoint begins with that of another (RFC 9162 §2.1.4). */
export const proveConsistency = route({
  ...base,
  method: "GET",
  path: "/v1/audit-logs/consistency",
  operationId: "proveAuditConsistency",
  routing: "region",
  summary: "Prove that one checkpoint continues another",
  access: admins,
  action: "audit_log.prove_consistency",
  query: z.object({ ...inRegion, first: size, second: size }),
  answers: {
    200: {
      description: "A consistency proof between two sizes of the tree.",
      schema: z.object({ first: z.int(), second: z.int(), proof: z.array(hash) }).meta({ id: "ConsistencyProof" }),
    },
  },
});

/** Streams records with their proofs, for `npm run audit:verify`. docs/audit-log.md has the format. */
export const exportAuditLogs = route({
  ...base,
  method: "GET",
  path: "/v1/audit-logs/export",
  operationId: "exportAuditLogs",
  routing: "region",
  summary: "Export the log with proofs, as NDJSON",
  access: admins,
  action: "audit_log.export",
  query: z.object({ ...inRegion, from: time.optional(), to: time.optional() }),
  answers: {
    200: { description: "A header, a line for each record, a footer.", mediaType: "application/x-ndjson" },
  },
});

/** Every route of the noun. */
export const auditLogRoutes = [
  listAuditLogs,
  recentAuditLogs,
  getAuditLog,
  proveAuditLog,
  getCheckpoint,
  proveConsistency,
  exportAuditLogs,
] as const;
