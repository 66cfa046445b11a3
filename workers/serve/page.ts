import { base64url } from "jose";
import { z } from "zod";
import { isStorable } from "../../schema/text.ts";
import { invalid } from "./validate.ts";

/** A page of a list, as answered. */
export interface Page<T> {
  readonly data: T[];
  readonly next_cursor: string | null;
}

const cursorSchema = z.object({ after: z.string().min(1).max(128).refine(isStorable) });

/**
 * The id after which a page begins. Lists are ordered by id, which is by creation time (UUIDv7), so a page never skips or
 * repeats while rows arrive. 422 for a cursor that this platform did not write.
 */
export function readCursor(cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  try {
    return cursorSchema.parse(JSON.parse(new TextDecoder().decode(base64url.decode(cursor)))).after;
  } catch (error) {
    if (error instanceof Error) throw invalid("cursor", "is not a cursor of this list");
    throw error;
  }
}

/** A page out of `limit + 1` rows: the row too many says that there is more. */
export function pageOfRows<Row, T>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => string,
  present: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  const next = more ? base64url.encode(JSON.stringify({ after: keyOf(last) })) : null;
  return { data: shown.map(present), next_cursor: next };
}
