import { eq, sql } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { deleteTier } from "../../../../schema/http/operator.ts";
import { customers, tiers } from "../../../../schema/tables/global/configuration.ts";
import { withTransaction } from "../../../serve/database.ts";
import type { Handler } from "../../../serve/serve.ts";

/** Deletes a tier that no customer has or may give to keys. */
export const handleDeleteTier: Handler<typeof deleteTier, GlobalEnv> = ({ params }, served, env) =>
  withTransaction(
    env.DB,
    {},
    async (tx) => {
      const [tier] = await tx.select().from(tiers).where(eq(tiers.name, params.name)).for("update");
      if (tier === undefined) throw new AppError("not_found");
      const users = await tx
        .select({ id: customers.id })
        .from(customers)
        .where(sql`${customers.tier} = ${params.name} or ${params.name} = any (${customers.keyTiers})`)
        .limit(1);
      if (users.length > 0) throw new AppError("conflict", { detail: "A customer uses this tier." });
      await tx.delete(tiers).where(eq(tiers.name, params.name));
      return { status: 204 };
    },
    served.invocation,
  );
