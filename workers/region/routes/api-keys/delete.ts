import { and, eq, sql } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { deleteApiKey } from "../../../../schema/http/api-keys.ts";
import { apiKeys } from "../../../../schema/tables/region/api-keys.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { tellGatesOfKeys } from "../../principals/tell-gate.ts";

/** Revokes a key, in force with the answer. Revoking again tells the Gate again and changes nothing. */
export const handleDeleteApiKey: Handler<typeof deleteApiKey, RegionEnv> = async ({ params }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  const rows = await asCustomer(env, customerId, served.invocation, (tx) =>
    tx
      .update(apiKeys)
      .set({ revokedAt: sql`coalesce(${apiKeys.revokedAt}, now())`, version: sql`${apiKeys.version} + 1` })
      .where(and(eq(apiKeys.customerId, customerId), eq(apiKeys.id, params.id)))
      .returning(),
  );
  if (rows.length === 0) throw new AppError("not_found");
  await tellGatesOfKeys(env, rows);
  return { status: 204 };
};
