import { and, eq, isNull, sql } from "drizzle-orm";
import { AppError } from "../../../../schema/errors.ts";
import type { renewSession } from "../../../../schema/http/sessions.ts";
import { sessionSeconds } from "../../../../schema/session-token.ts";
import { sessions } from "../../../../schema/tables/region/users.ts";
import type { Handler } from "../../../serve/serve.ts";
import { userOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { tellGate } from "../../principals/tell-gate.ts";
import { settingsOf } from "../../settings.ts";
import { sessionCookie } from "./cookie.ts";
import { presentSession } from "./present.ts";

/** Extends the current session by an hour from now, never past its twelve hours, and signs a new token for it. */
export const handleRenewSession: Handler<typeof renewSession, RegionEnv> = async (_input, served, env) => {
  const user = userOf(served);
  const { region, keys } = settingsOf(env);
  const iat = Math.floor(Date.now() / 1000);
  const wanted = new Date((iat + sessionSeconds) * 1000);
  const [row] = await asCustomer(env, user.customer_id, served.invocation, (tx) =>
    tx
      .update(sessions)
      .set({ expiresAt: sql`least(${sessions.endsAt}, ${wanted.toISOString()}::timestamptz)` })
      .where(
        and(
          eq(sessions.customerId, user.customer_id),
          eq(sessions.userId, user.id),
          eq(sessions.id, user.session_id),
          isNull(sessions.endedAt),
        ),
      )
      .returning(),
  );
  if (row === undefined) throw new AppError("unauthorized");
  const expiresAt = row.expiresAt.getTime();
  await tellGate(env, user.id, (gate) => gate.extendSession(row.id, expiresAt));
  const exp = Math.floor(expiresAt / 1000);
  const claims = { sub: user.id, sid: row.id, cid: user.customer_id, ctr: row.country, iat, exp };
  const token = await keys.signSession(claims);
  return {
    status: 200,
    body: { token, session: presentSession(row, region) },
    headers: sessionCookie(token, Math.max(0, exp - iat)),
  };
};
