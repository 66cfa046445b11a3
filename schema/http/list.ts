import { z } from "zod";

/** The query of every list: page size and where to go on. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(512).optional().meta({ description: "`next_cursor` of the page before." }),
};

/** The answer of every list. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ data: z.array(item), next_cursor: z.string().nullable() });
}

/** A time in an answer: RFC 3339, UTC. */
export const timestamp = z.iso.datetime().meta({ example: "2026-11-23T08:00:00.000Z" });
