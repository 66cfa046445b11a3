import { newId } from "../../../../schema/ids.ts";
import type { createCustomer } from "../../../../schema/http/operator.ts";
import { customers } from "../../../../schema/tables/global/configuration.ts";
import { withDatabase } from "../../../serve/database.ts";
import type { Handler } from "../../../serve/serve.ts";
import { presentCustomer } from "../../present.ts";
import { checkCustomer, upstreamRules } from "./check.ts";

/** Creates a customer. */
export const handleCreateCustomer: Handler<typeof createCustomer, GlobalEnv> = ({ body }, served, env) =>
  withDatabase(
    env.DB,
    async (database) => {
      const keyTiers = body.key_tiers ?? [body.tier];
      await checkCustomer(database, { ...body, key_tiers: keyTiers }, upstreamRules(env));
      const now = new Date();
      const [row] = await database
        .insert(customers)
        .values({
          id: newId("customer"),
          name: body.name,
          status: "active",
          tier: body.tier,
          keyTiers,
          allowedRegions: body.allowed_regions,
          defaultRegion: body.default_region,
          travelPolicy: body.travel_policy,
          corsOrigins: body.cors_origins,
          upstreams: body.upstreams,
          auditRetentionDays: body.audit_retention_days,
          createdAt: now,
          updatedAt: now,
        })
        .returning();
      if (row === undefined) throw new Error("an insert returned no row");
      const customer = presentCustomer(row);
      return { status: 201, body: customer, created: row.id, concerns: customer };
    },
    served.invocation,
  );
