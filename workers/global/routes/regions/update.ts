import type { putRegion, updateRegion } from "../../../../schema/http/operator.ts";
import { regionStates } from "../../../../schema/tables/global/configuration.ts";
import { withDatabase } from "../../../serve/database.ts";
import type { Handler } from "../../../serve/serve.ts";
import { presentRegion } from "../../present.ts";

/** Opens, drains or closes a region. A region that was just added to the table of the code gets its row here. */
export const handleUpdateRegion: Handler<typeof updateRegion | typeof putRegion, GlobalEnv> = async (
  { params, body },
  served,
  env,
) => {
  const values = { status: body.status, updatedAt: new Date() };
  const [row] = await withDatabase(
    env.DB,
    (database) =>
      database
        .insert(regionStates)
        .values({ name: params.name, ...values })
        .onConflictDoUpdate({ target: regionStates.name, set: values })
        .returning(),
    served.invocation,
  );
  if (row === undefined) throw new Error("an upsert returned no row");
  return { status: 200, body: presentRegion(row) };
};
