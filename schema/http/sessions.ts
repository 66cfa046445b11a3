import { z } from "zod";
import { idSchema } from "../ids.ts";
import { regionSchema } from "../regions.ts";
import { pageOf, pageQuery, timestamp } from "./list.ts";
import { route } from "./route.ts";
import { emailSchema, userSchema } from "./users.ts";

/** A session, as its user sees it. */
export const sessionSchema = z
  .object({
    id: idSchema("session"),
    region: regionSchema,
    created_at: timestamp,
    expires_at: timestamp.meta({ description: "When the token ends unless renewed." }),
  })
  .meta({ id: "Session" });

const listedSession = sessionSchema
  .extend({ current: z.boolean().meta({ description: "Whether this request came through it." }) })
  .meta({ id: "ListedSession" });

const signedIn = z.object({ token: z.string(), session: sessionSchema, user: userSchema }).meta({ id: "SignedIn" });

/** Signs a user in. The body is read at the edge too, to find the home region. */
export const createSession = route({
  method: "POST",
  path: "/v1/sessions",
  operationId: "createSession",
  routing: "login",
  summary: "Sign in",
  tag: "sessions",
  access: { who: "public" },
  servedBy: "region",
  action: "session.create",
  resource: "session",
  body: z.object({ email: emailSchema, password: z.string().min(1).max(1024) }),
  answers: { 201: { description: "Signed in; also sets the cookie `__Host-session`.", schema: signedIn } },
});

/** Lists the caller's own live sessions, newest first. */
export const listSessions = route({
  method: "GET",
  path: "/v1/sessions",
  operationId: "listSessions",
  summary: "List own sessions",
  tag: "sessions",
  access: { who: "session" },
  servedBy: "region",
  action: "session.list",
  resource: "session",
  query: z.object(pageQuery),
  answers: { 200: { description: "Own sessions that have not ended.", schema: pageOf(listedSession) } },
});

/** Signs one session out. Not one request sent after the answer is accepted. */
export const deleteSession = route({
  method: "DELETE",
  path: "/v1/sessions/{id}",
  operationId: "deleteSession",
  summary: "Sign out of one session, or of `current`",
  tag: "sessions",
  access: { who: "session" },
  servedBy: "region",
  action: "session.delete",
  resource: "session",
  params: z.object({ id: z.union([z.literal("current"), idSchema("session")]) }),
  answers: { 204: { description: "Ended." } },
});

/** Signs the caller out everywhere. */
export const deleteSessions = route({
  method: "DELETE",
  path: "/v1/sessions",
  operationId: "deleteSessions",
  summary: "Sign out of every session",
  tag: "sessions",
  access: { who: "session" },
  servedBy: "region",
  action: "session.delete_all",
  resource: "session",
  answers: { 204: { description: "All ended, this one too." } },
});

/** Extends the session by an hour, to twelve hours from its sign-in in all. */
export const renewSession = route({
  method: "POST",
  path: "/v1/sessions/current/renew",
  operationId: "renewSession",
  summary: "Renew the current session",
  tag: "sessions",
  access: { who: "session" },
  servedBy: "region",
  action: "session.renew",
  resource: "session",
  answers: {
    200: {
      description: "A new token for the same session; also renews the cookie.",
      schema: z.object({ token: z.string(), session: sessionSchema }).meta({ id: "RenewedSession" }),
    },
  },
});

/** Every route of the noun. */
export const sessionRoutes = [createSession, listSessions, deleteSession, deleteSessions, renewSession] as const;
