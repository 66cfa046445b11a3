import { z } from "zod";
import type { Refusal } from "./admission.ts";
import { auditEntrySchema } from "./audit/entry.ts";
import { roleSchema, scopeSchema } from "./principal.ts";

const common = { id: z.string(), customer_id: z.string(), tier: z.string() };

const factsSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("user"), role: roleSchema, ...common }),
  z.object({ type: z.literal("api_key"), scopes: z.array(scopeSchema), ...common }),
]);

const bucketSchema = z.object({
  quota: z.number(),
  window: z.number(),
  level: z.number(),
  asOf: z.number(),
  granted: z.number(),
  tickAt: z.number(),
});

/** A Gate's refusal as the region returns it, for the edge to remember (`returnedHeader.refusal`). */
export const refusalSchema: z.ZodType<Refusal> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("limited"),
    repeatForMs: z.number(),
    facts: factsSchema,
    buckets: z.record(z.string(), bucketSchema),
    at: z.number(),
    usage: z.number(),
  }),
  z.object({ kind: z.literal("refused"), repeatForMs: z.number(), customer_id: z.string().optional() }),
]) as z.ZodType<Refusal>;

/** What the edge reports to a region: the first of the requests that it refused from memory, and how many there were, by kind. */
export const refusalReportSchema = z.strictObject({
  entry: auditEntrySchema,
  kinds: z.record(z.string().max(300), z.int().min(1)),
});

/** What the edge reports to a region of requests that it refused from memory. */
export type RefusalReport = z.infer<typeof refusalReportSchema>;
