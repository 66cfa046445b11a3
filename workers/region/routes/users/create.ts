import type { createCustomerUser } from "../../../../schema/http/operator.ts";
import type { createUser } from "../../../../schema/http/users.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { createUserHere } from "../../users/create.ts";

/** Creates a user of the caller's customer. */
export const handleCreateUser: Handler<typeof createUser, RegionEnv> = ({ body }, served, env) =>
  createUserHere(principalOf(served).customer_id, body, served, env);

/** Creates a user of any customer, for an operator. */
export const handleCreateCustomerUser: Handler<typeof createCustomerUser, RegionEnv> = (
  { params, body },
  served,
  env,
) => createUserHere(params.id, body, served, env);
