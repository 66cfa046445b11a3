import { gt } from "drizzle-orm";
import type { listTiers } from "../../../../schema/http/operator.ts";
import { tiers } from "../../../../schema/tables/global/configuration.ts";
import { withDatabase } from "../../../serve/database.ts";
import { pageOfRows, readCursor } from "../../../serve/page.ts";
import type { Handler } from "../../../serve/serve.ts";
import { presentTier } from "../../present.ts";

/** Lists tiers by name. */
export const handleListTiers: Handler<typeof listTiers, GlobalEnv> = async ({ query }, served, env) => {
  const after = readCursor(query.cursor);
  const rows = await withDatabase(
    env.DB,
    (database) =>
      database
        .select()
        .from(tiers)
        .where(after === null ? undefined : gt(tiers.name, after))
        .orderBy(tiers.name)
        .limit(query.limit + 1),
    served.invocation,
  );
  return { status: 200, body: pageOfRows(rows, query.limit, (row) => row.name, presentTier) };
};
