import { and, eq } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { getMe } from "../../../../schema/http/me.ts";
import { users } from "../../../../schema/tables/region/users.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { settingsOf } from "../../settings.ts";
import { presentMe } from "./present.ts";

/** Who the caller is. A key is known without the database. */
export const handleGetMe: Handler<typeof getMe, RegionEnv> = async (_input, served, env) => {
  const principal = principalOf(served);
  const { region } = settingsOf(env);
  if (principal.type === "api_key") return { status: 200, body: presentMe(principal, region, null) };
  const [row] = await asCustomer(env, principal.customer_id, served.invocation, (tx) =>
    tx
      .select()
      .from(users)
      .where(and(eq(users.customerId, principal.customer_id), eq(users.id, principal.id))),
  );
  if (row === undefined) throw new AppError("unauthorized");
  return { status: 200, body: presentMe(principal, region, row) };
};
