import { and, eq } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { deleteUser } from "../../../../schema/http/users.ts";
import { sessions, users } from "../../../../schema/tables/region/users.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { destroyDataKeys } from "../../audit/destroy-data-keys.ts";
import { asCustomer } from "../../database.ts";
import { lockStandingAnd } from "../../principals/lock-standing.ts";
import { settingsOf } from "../../settings.ts";
import { eraseEventsOf } from "../../events/erase.ts";
import { endEverything, tellOfEnd } from "../../users/end-everything.ts";
import { loginDirectory } from "../../users/login-directory.ts";
import { keepsAnOwner, mayManage } from "../../users/role-rules.ts";

/**
 * Deletes a user: what is personal is erased, everything of the user's ends at once, the address is free again. Deleting a deleted
 * user finishes what an interrupted request left, and is 404.
 */
export const handleDeleteUser: Handler<typeof deleteUser, RegionEnv> = async ({ params }, served, env) => {
  const actor = principalOf(served);
  const { customer_id: customerId } = actor;
  const { row, ended } = await asCustomer(env, customerId, served.invocation, async (tx) => {
    const own = and(eq(users.customerId, customerId), eq(users.id, params.id));
    const before = await lockStandingAnd(tx, actor, settingsOf(env).region, params.id);
    if (before === null) throw new AppError("not_found");
    mayManage(actor, before.role);
    keepsAnOwner(actor, params.id);
    const now = new Date();
    const erased = {
      email: null,
      name: null,
      passwordHash: null,
      status: "disabled",
      deletedAt: now,
      updatedAt: now,
    } as const;
    if (before.deletedAt === null) {
      await tx
        .update(users)
        .set({ ...erased, version: before.version + 1 })
        .where(own);
    }
    const version = before.deletedAt === null ? before.version + 1 : before.version;
    const over = await endEverything(tx, customerId, params.id, now);
    await destroyDataKeys(tx, customerId, [params.id, ...over.keys.map((key) => key.id)], now);
    await eraseEventsOf(tx, customerId, params.id);
    await tx.delete(sessions).where(and(eq(sessions.customerId, customerId), eq(sessions.userId, params.id)));
    return { row: { ...before, version }, ended: over };
  });
  await tellOfEnd(env, row, ended);
  await loginDirectory(env).release(row.id);
  if (row.deletedAt !== null) throw new AppError("not_found");
  return { status: 204 };
};
