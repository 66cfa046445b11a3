import { serialize } from "hono/utils/cookie";

/** The session cookie, `__Host-session` (RFC 6265bis §4.1.3.2), for `seconds`; 0 clears it. */
export function sessionCookie(token: string, seconds: number): Record<string, string> {
  const options = { path: "/", secure: true, httpOnly: true, sameSite: "Lax", maxAge: seconds } as const;
  return { "set-cookie": serialize("__Host-session", token, options) };
}
