import { gt } from "drizzle-orm";
import type { listRegions } from "../../../../schema/http/operator.ts";
import { isRegion } from "../../../../schema/regions.ts";
import { regionStates } from "../../../../schema/tables/global/configuration.ts";
import { withDatabase } from "../../../serve/database.ts";
import { pageOfRows, readCursor } from "../../../serve/page.ts";
import type { Handler } from "../../../serve/serve.ts";
import { invalid } from "../../../serve/validate.ts";
import { presentRegion } from "../../present.ts";

/** Lists regions by name. */
export const handleListRegions: Handler<typeof listRegions, GlobalEnv> = async ({ query }, served, env) => {
  const after = readCursor(query.cursor);
  if (after !== null && !isRegion(after)) throw invalid("cursor", "is not a cursor of this list");
  const rows = await withDatabase(
    env.DB,
    (database) =>
      database
        .select()
        .from(regionStates)
        .where(after === null ? undefined : gt(regionStates.name, after))
        .orderBy(regionStates.name)
        .limit(query.limit + 1),
    served.invocation,
  );
  return { status: 200, body: pageOfRows(rows, query.limit, (row) => row.name, presentRegion) };
};
