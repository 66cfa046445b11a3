import { eq } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { getRegion } from "../../../../schema/http/operator.ts";
import { regionStates } from "../../../../schema/tables/global/configuration.ts";
import { withDatabase } from "../../../serve/database.ts";
import type { Handler } from "../../../serve/serve.ts";
import { presentRegion } from "../../present.ts";

/** One region. */
export const handleGetRegion: Handler<typeof getRegion, GlobalEnv> = async ({ params }, served, env) => {
  const rows = await withDatabase(
    env.DB,
    (database) => database.select().from(regionStates).where(eq(regionStates.name, params.name)),
    served.invocation,
  );
  if (rows[0] === undefined) throw new AppError("not_found");
  return { status: 200, body: presentRegion(rows[0]) };
};
