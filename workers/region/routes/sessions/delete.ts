import { AppError } from "../../../../schema/errors.ts";
import type { deleteSession, deleteSessions } from "../../../../schema/http/sessions.ts";
import type { Handler } from "../../../serve/serve.ts";
import { userOf } from "../../../serve/served.ts";
import { asCustomer } from "../../database.ts";
import { tellGate } from "../../principals/tell-gate.ts";
import { sessionCookie } from "./cookie.ts";
import { endSessions } from "./end.ts";

/** Signs one of the caller's sessions out: in Postgres, then at the Gate, then the answer. Somebody else's is 404. */
export const handleDeleteSession: Handler<typeof deleteSession, RegionEnv> = async ({ params }, served, env) => {
  const user = userOf(served);
  const only = params.id === "current" ? user.session_id : params.id;
  const ended = await asCustomer(env, user.customer_id, served.invocation, (tx) => endSessions(tx, user, { only }));
  if (ended.length === 0) throw new AppError("not_found");
  await tellGate(env, user.id, (gate) => gate.endSessions(ended.map(({ id }) => id)));
  return { status: 204, headers: only === user.session_id ? sessionCookie("", 0) : {} };
};

/** Signs the caller out everywhere. */
export const handleDeleteSessions: Handler<typeof deleteSessions, RegionEnv> = async (_input, served, env) => {
  const user = userOf(served);
  const ended = await asCustomer(env, user.customer_id, served.invocation, (tx) =>
    endSessions(tx, user, { except: null }),
  );
  await tellGate(env, user.id, (gate) => gate.endSessions(ended.map(({ id }) => id)));
  return { status: 204, headers: sessionCookie("", 0) };
};
