import { z } from "zod";
import { regionSchema } from "../regions.ts";
import { outcomes } from "./entry.ts";

const index = z.int().min(0);
const base64 = z.base64();

/** First line: whose log, under which checkpoint, and which of its leaves follow (`last_index` is the last one; none: -1). */
const headerSchema = z.strictObject({
  type: z.literal("header"),
  v: z.literal(1),
  customer_id: z.string(),
  region: regionSchema,
  /** What was asked for, RFC 3339; both null: the whole log. */
  from: z.string().nullable(),
  to: z.string().nullable(),
  /** Every leaf between these two has a line of its own, in order; in the object of a day only the day's have. */
  complete: z.boolean(),
  first_index: index,
  last_index: z.int().min(-1),
  checkpoint: z.string(),
  verifier_key: z.string(),
});

/** A record with its proof, as its leaf has it; `personal` with the salt that opens its commitment, null in the bucket and when erased. */
const recordSchema = z.strictObject({
  type: z.literal("record"),
  leaf_index: index,
  record: z.strictObject({
    action: z.string(),
    api_key_id: z.string().nullable(),
    /** How many requests the record stands for; absent: one. */
    count: z
      .string()
      .regex(/^[1-9]\d*$/)
      .optional(),
    customer_id: z.string(),
    id: z.string(),
    outcome: z.enum(outcomes),
    personal_commitment: base64,
    personal_sealed: base64.nullable(),
    region: regionSchema,
    request_id: z.string(),
    resource_id: z.string().nullable(),
    resource_type: z.string(),
    timestamp: z.string(),
    user_id: z.string().nullable(),
  }),
  personal: z
    .strictObject({
      ip_address: z.string().nullable(),
      user_agent: z.string().nullable(),
      detail: z.string().nullable(),
      salt: base64,
    })
    .nullable(),
  erased: z.boolean(),
  proof: z.array(base64),
});

/** A leaf whose record is not in this file: of another time, or in the bucket. */
const leafSchema = z.strictObject({
  type: z.literal("leaf"),
  leaf_index: index,
  leaf_hash: base64,
  proof: z.array(base64),
});

/** Last line: how many records came before it. A file without one was cut off. */
const footerSchema = z.strictObject({ type: z.literal("footer"), records: index });

/** A line of an export or of a day's object in the bucket (NDJSON). */
export const exportLineSchema = z.discriminatedUnion("type", [headerSchema, recordSchema, leafSchema, footerSchema]);

/** A line of an export. */
export type ExportLine = z.infer<typeof exportLineSchema>;

/** The first line of an export. */
export type ExportHeader = z.infer<typeof headerSchema>;

/** A record in an export. */
export type ExportRecord = z.infer<typeof recordSchema>;

/** A leaf without its record in an export. */
export type ExportLeaf = z.infer<typeof leafSchema>;
