import { eq } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { updateCustomer } from "../../../../schema/http/operator.ts";
import { customers } from "../../../../schema/tables/global/configuration.ts";
import { withTransaction } from "../../../serve/database.ts";
import { defined } from "../../../serve/defined.ts";
import type { Handler } from "../../../serve/serve.ts";
import { presentCustomer } from "../../present.ts";
import { checkCustomer, checkRegionsUnused, upstreamRules } from "./check.ts";

/** Changes a customer, as a whole: the row is locked while the new whole is checked. */
export const handleUpdateCustomer: Handler<typeof updateCustomer, GlobalEnv> = ({ params, body }, served, env) =>
  withTransaction(
    env.DB,
    {},
    async (tx) => {
      const [row] = await tx.select().from(customers).where(eq(customers.id, params.id)).for("update");
      if (row === undefined) throw new AppError("not_found");
      const before = presentCustomer(row);
      const after = { ...before, ...defined(body) };
      await checkCustomer(tx, after, upstreamRules(env));
      const lost = before.allowed_regions.filter((region) => !after.allowed_regions.includes(region));
      await checkRegionsUnused(tx, params.id, lost);
      const [changed] = await tx
        .update(customers)
        .set({
          name: after.name,
          status: after.status,
          tier: after.tier,
          keyTiers: after.key_tiers,
          allowedRegions: after.allowed_regions,
          defaultRegion: after.default_region,
          travelPolicy: after.travel_policy,
          corsOrigins: after.cors_origins,
          upstreams: after.upstreams,
          auditRetentionDays: after.audit_retention_days,
          updatedAt: new Date(),
        })
        .where(eq(customers.id, params.id))
        .returning();
      const customer = presentCustomer(changed ?? row);
      return { status: 200, body: customer, concerns: customer };
    },
    served.invocation,
  );
