import { and, eq, isNull } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { updateMe } from "../../../../schema/http/me.ts";
import { users } from "../../../../schema/tables/region/users.ts";
import { defined } from "../../../serve/defined.ts";
import type { Handler } from "../../../serve/serve.ts";
import { userOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { hashPassword } from "../../passwords/hash.ts";
import { tellGate } from "../../principals/tell-gate.ts";
import { settingsOf } from "../../settings.ts";
import { endSessions } from "../sessions/end.ts";
import { presentMe } from "./present.ts";

/** Changes the caller's name or password. A new password ends every other session at once. */
export const handleUpdateMe: Handler<typeof updateMe, RegionEnv> = async ({ body }, served, env) => {
  const user = userOf(served);
  const passwordHash = body.password === undefined ? undefined : await hashPassword(body.password);
  const { row, ended } = await asCustomer(env, user.customer_id, served.invocation, async (tx) => {
    const [changed] = await tx
      .update(users)
      .set({ ...defined({ name: body.name, passwordHash }), updatedAt: new Date() })
      .where(and(eq(users.customerId, user.customer_id), eq(users.id, user.id), isNull(users.deletedAt)))
      .returning();
    if (changed === undefined) throw new AppError("unauthorized");
    const others = passwordHash === undefined ? [] : await endSessions(tx, user, { except: user.session_id });
    return { row: changed, ended: others };
  });
  if (ended.length > 0) await tellGate(env, user.id, (gate) => gate.endSessions(ended.map(({ id }) => id)));
  return { status: 200, body: presentMe(user, settingsOf(env).region, row) };
};
