import { z } from "zod";
import { regionSchema } from "./regions.ts";

/** Explicit typing (RFC 8725 §3.11) keeps a session token and an upstream identity from being taken for each other. */
export const sessionTokenType = "domicile-session+jwt";

/** The `typ` of the identity that an upstream gets. */
export const identityTokenType = "domicile-identity+jwt";

/** The `aud` of a session token. */
export const sessionAudience = "domicile";

/** Seconds that one sign-in or renewal lasts. */
export const sessionSeconds = 3600;

/** Seconds after which a session cannot be renewed any more, from its sign-in. */
export const sessionMaximumSeconds = 12 * 3600;

/** The claims of a session token (JWT, RFC 7519; EdDSA, RFC 8037). Opaque ids and a country, nothing readable. */
export const sessionClaimsSchema = z.object({
  iss: z.string(),
  aud: z.literal(sessionAudience),
  sub: z.string().meta({ description: "the user's id" }),
  sid: z.string().meta({ description: "the session's id" }),
  cid: z.string().meta({ description: "the customer's id" }),
  rgn: regionSchema,
  ctr: z.string().nullable().meta({ description: "the country of the sign-in, for the travel policy" }),
  iat: z.int(),
  exp: z.int(),
});

/** The claims of a session token. */
export type SessionClaims = z.infer<typeof sessionClaimsSchema>;
