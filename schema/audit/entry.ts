import { z } from "zod";
import { isStorable } from "../text.ts";

/** How a request ended: done; refused for who asked or how often; anything else. */
export const outcomes = ["success", "denied", "error"] as const;

/** How a request ended. */
export type Outcome = (typeof outcomes)[number];

/** The log of what operators do to the platform as a whole: a customer that nobody can be a user of. */
export const platformCustomerId = "cus_00000000000000000000000000";

function storable(maximum: number) {
  return z.string().min(1).max(maximum).refine(isStorable);
}

const identifier = storable(128);

/**
 * What is to be recorded of one request, as it is sealed for the queue and opened by the region's `AuditLog`. Personal: `ip_address`,
 * `user_agent` and `detail` (free text). `timestamp` in epoch milliseconds.
 */
export const auditEntrySchema = z.strictObject({
  id: identifier,
  customer_id: identifier,
  user_id: identifier.nullable(),
  api_key_id: identifier.nullable(),
  action: storable(256),
  resource_type: storable(64),
  resource_id: storable(128).nullable(),
  outcome: z.enum(outcomes),
  timestamp: z.int().min(0).max(8_640_000_000_000_000),
  request_id: identifier,
  ip_address: z.string().max(64).nullable(),
  user_agent: z.string().max(512).nullable(),
  detail: z.string().max(1024).nullable(),
  /** How many requests the record stands for, where it is more than one: refusals are aggregated. */
  count: z.int().min(2).optional(),
});

/** What is to be recorded of one request. */
export type AuditEntry = z.infer<typeof auditEntrySchema>;

/** The fields of an entry that can be erased. */
export type Personal = Pick<AuditEntry, "ip_address" | "user_agent" | "detail">;
