import { and, eq, isNull } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { updateUser } from "../../../../schema/http/users.ts";
import { users } from "../../../../schema/tables/region/users.ts";
import { defined } from "../../../serve/defined.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { lockStandingAnd } from "../../principals/lock-standing.ts";
import { tellGate } from "../../principals/tell-gate.ts";
import { settingsOf } from "../../settings.ts";
import { endEverything, tellOfEnd } from "../../users/end-everything.ts";
import { presentManagedUser } from "../../users/present.ts";
import { keepsAnOwner, mayGrant, mayManage } from "../../users/role-rules.ts";

/** Changes a user. Disabling ends everything of the user's at once; a role is in force with the answer. */
export const handleUpdateUser: Handler<typeof updateUser, RegionEnv> = async ({ params, body }, served, env) => {
  const actor = principalOf(served);
  const { customer_id: customerId } = actor;
  const { row, ended } = await asCustomer(env, customerId, served.invocation, async (tx) => {
    const own = and(eq(users.customerId, customerId), eq(users.id, params.id), isNull(users.deletedAt));
    const before = await lockStandingAnd(tx, actor, settingsOf(env).region, params.id);
    if (before === null || before.deletedAt !== null) throw new AppError("not_found");
    mayManage(actor, before.role);
    if (body.role !== undefined) mayGrant(actor, body.role);
    if (body.status === "disabled" || (body.role !== undefined && body.role !== before.role))
      keepsAnOwner(actor, params.id);
    const now = new Date();
    const [after = before] = await tx
      .update(users)
      .set({ ...defined(body), version: before.version + 1, updatedAt: now })
      .where(own)
      .returning();
    const disabled = after.status === "disabled";
    return { row: after, ended: disabled ? await endEverything(tx, customerId, params.id, now) : null };
  });
  const { role, status, version } = row;
  if (ended !== null) await tellOfEnd(env, row, ended);
  else await tellGate(env, row.id, (gate) => gate.updateUser({ role, status, version }));
  return { status: 200, body: presentManagedUser(row, settingsOf(env).region) };
};
