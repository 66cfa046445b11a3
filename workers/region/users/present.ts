import type { z } from "zod";
import type { managedUserSchema, userSchema } from "../../../schema/http/users.ts";
import type { Region } from "../../../schema/regions.ts";
import type { users } from "../../../schema/tables/region/users.ts";

type Row = typeof users.$inferSelect;

/** A user's row as its user sees it. */
export function presentUser(row: Row, region: Region): z.output<typeof userSchema> {
  const { id, customerId, email, name, role } = row;
  return { id, customer_id: customerId, email: email ?? "", name: name ?? "", role, region };
}

/** A user's row as administrators see it. */
export function presentManagedUser(row: Row, region: Region): z.output<typeof managedUserSchema> {
  return {
    ...presentUser(row, region),
    status: row.status,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
