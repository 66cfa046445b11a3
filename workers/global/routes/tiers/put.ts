import type { putTier } from "../../../../schema/http/operator.ts";
import { tiers } from "../../../../schema/tables/global/configuration.ts";
import { withDatabase } from "../../../serve/database.ts";
import type { Handler } from "../../../serve/serve.ts";
import { presentTier } from "../../present.ts";

/** Creates or replaces a tier. Gates take over new quotas with the tokens they hold. */
export const handlePutTier: Handler<typeof putTier, GlobalEnv> = async ({ params, body }, served, env) => {
  const values = { unlimited: body.unlimited, recheckSeconds: body.recheck_seconds, policies: body.policies };
  const [row] = await withDatabase(
    env.DB,
    (database) =>
      database
        .insert(tiers)
        .values({ name: params.name, ...values })
        .onConflictDoUpdate({ target: tiers.name, set: values })
        .returning(),
    served.invocation,
  );
  if (row === undefined) throw new Error("an upsert returned no row");
  return { status: 200, body: presentTier(row) };
};
