/** A credential as a request brings it, not yet verified. */
export interface Credential {
  readonly kind: "session" | "api_key";
  readonly text: string;
  /** Whether it came as the cookie, which a browser also sends for other sites. */
  readonly fromCookie: boolean;
}

/** No credential of ours is longer; more is not looked at. */
const maximumLength = 4096;

/** The credential of a request: `Authorization: Bearer` (RFC 6750), else the cookie `__Host-session`; null if there is none. */
export function readCredential(headers: Headers): Credential | null {
  const authorization = headers.get("authorization");
  if (authorization !== null) {
    const token = /^bearer +([\w\-.~+/]+=*)$/i.exec(authorization)?.[1];
    return token === undefined ? null : credential(token, false);
  }
  const cookie = headers.get("cookie");
  if (cookie === null) return null;
  const token = /(?:^|;)\s*__Host-session=([\w\-.]+)\s*(?:;|$)/.exec(cookie)?.[1];
  return token === undefined ? null : credential(token, true);
}

function credential(text: string, fromCookie: boolean): Credential | null {
  if (text.length > maximumLength) return null;
  return { kind: text.startsWith("dmc_") ? "api_key" : "session", text, fromCookie };
}
