import { eq } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { getCustomer } from "../../../../schema/http/operator.ts";
import { customers } from "../../../../schema/tables/global/configuration.ts";
import { withDatabase } from "../../../serve/database.ts";
import type { Handler } from "../../../serve/serve.ts";
import { presentCustomer } from "../../present.ts";

/** One customer. */
export const handleGetCustomer: Handler<typeof getCustomer, GlobalEnv> = async ({ params }, served, env) => {
  const rows = await withDatabase(
    env.DB,
    (database) => database.select().from(customers).where(eq(customers.id, params.id)),
    served.invocation,
  );
  if (rows[0] === undefined) throw new AppError("not_found");
  const customer = presentCustomer(rows[0]);
  return { status: 200, body: customer, concerns: customer };
};
