import { z } from "zod";

const typePattern = /^[a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z0-9_]+)*$/;
const filterPattern = /^(?:\*|[a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z0-9_]+)*(?:\.\*)?)$/;

/** Types of events that the platform itself emits begin with this. */
export const ownTypePrefix = "webhook_endpoint.";

/**
 * A zod schema for the type of an event: names joined by full stops
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#event-types). Not personal: it is stored and shown in the clear.
 */
export const eventTypeSchema = z
  .string()
  .max(128)
  .regex(typePattern, "must be names joined by full stops, such as invoice.paid")
  .meta({ example: "invoice.paid" });

/** A zod schema for what an endpoint wants: a type, `invoice.*` for every type under `invoice.`, or `*` for all. */
export const eventFilterSchema = z
  .string()
  .max(130)
  .regex(filterPattern, "must be an event type, a prefix such as invoice.*, or *")
  .meta({ example: "invoice.*" });

/** Every filter that an event of a type matches: `*`, the type itself, and `prefix.*` for each of its prefixes. */
export function filtersMatching(type: string): readonly string[] {
  const names = type.split(".");
  const prefixes = names.slice(1).map((_, at) => `${names.slice(0, at + 1).join(".")}.*`);
  return ["*", type, ...prefixes];
}
