import { and, eq, isNull } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { getUser } from "../../../../schema/http/users.ts";
import { users } from "../../../../schema/tables/region/users.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { settingsOf } from "../../settings.ts";
import { presentManagedUser } from "../../users/present.ts";

/** One user of the customer. */
export const handleGetUser: Handler<typeof getUser, RegionEnv> = async ({ params }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  const [row] = await asCustomer(env, customerId, served.invocation, (tx) =>
    tx
      .select()
      .from(users)
      .where(and(eq(users.customerId, customerId), eq(users.id, params.id), isNull(users.deletedAt))),
  );
  if (row === undefined) throw new AppError("not_found");
  return { status: 200, body: presentManagedUser(row, settingsOf(env).region) };
};
