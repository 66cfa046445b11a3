import type { z } from "zod";
import type { sessionSchema } from "../../../../schema/http/sessions.ts";
import type { Region } from "../../../../schema/regions.ts";
import type { sessions } from "../../../../schema/tables/region/users.ts";

type Row = Pick<typeof sessions.$inferSelect, "id" | "createdAt" | "expiresAt">;

/** A session's row as the contract has it. */
export function presentSession(row: Row, region: Region): z.output<typeof sessionSchema> {
  return { id: row.id, region, created_at: row.createdAt.toISOString(), expires_at: row.expiresAt.toISOString() };
}
