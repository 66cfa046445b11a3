import { eq } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { getTier } from "../../../../schema/http/operator.ts";
import { tiers } from "../../../../schema/tables/global/configuration.ts";
import { withDatabase } from "../../../serve/database.ts";
import type { Handler } from "../../../serve/serve.ts";
import { presentTier } from "../../present.ts";

/** One tier. */
export const handleGetTier: Handler<typeof getTier, GlobalEnv> = async ({ params }, served, env) => {
  const rows = await withDatabase(
    env.DB,
    (database) => database.select().from(tiers).where(eq(tiers.name, params.name)),
    served.invocation,
  );
  if (rows[0] === undefined) throw new AppError("not_found");
  return { status: 200, body: presentTier(rows[0]) };
};
