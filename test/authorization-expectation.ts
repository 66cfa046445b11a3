import type { Role } from "../schema/principal.ts";
import type { RouteContract } from "../schema/http/route.ts";

/** Who tries a route in the authorization matrix. */
export const personas = [
  "none",
  "forged",
  "expired",
  "revoked",
  "viewer",
  "member",
  "admin",
  "owner",
  "other customer",
  "key without scope",
  "key with scope",
  "operator",
] as const;

/** A row of the matrix. */
export type Persona = (typeof personas)[number];

/** What the route must do: turn away (401 or 403), find nothing of another customer's (404), or let in (anything but those). */
export type Expectation = 401 | 403 | 404 | "let in";

const ranks: Record<Role, number> = { viewer: 0, member: 1, admin: 2, owner: 3 };

/**
 * What `persona` must meet at `contract`, said from the contract's access alone and without the code that enforces it.
 * `other customer` is an owner elsewhere who names this customer's resource.
 */
export function expectation(contract: RouteContract, persona: Persona): Expectation {
  const { access } = contract;
  if (access.who === "public") return "let in";
  if (access.who === "operator") return persona === "operator" ? "let in" : 401;
  switch (persona) {
    case "none":
    case "forged":
    case "expired":
    case "revoked":
    case "operator":
      return 401;
    case "key without scope":
      return access.who === "principal" && access.scope === "anyKey" ? "let in" : 403;
    case "key with scope":
      return access.who === "principal" ? "let in" : 403;
    case "other customer":
      return contract.path.includes("{id}") ? 404 : "let in";
    default:
      return access.who === "session" || ranks[persona] >= ranks[access.role] ? "let in" : 403;
  }
}
