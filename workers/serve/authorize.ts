import { AppError } from "../../schema/errors.ts";
import type { Actor } from "../../schema/forwarded.ts";
import type { Access } from "../../schema/http/route.ts";
import { roleAtLeast } from "../../schema/principal.ts";

/**
 * Whether an actor may call a route with `access`; returns or throws `unauthorized` (401), `forbidden` or `insufficient_scope`
 * (403). The home region authorizes before it serves or asks a peer; the Worker that serves authorizes again.
 */
export function authorize(access: Access, actor: Actor | null): void {
  if (access.who === "public") return;
  if (actor === null) throw new AppError("unauthorized");
  if (access.who === "operator") {
    if (actor.type !== "operator") throw new AppError("unauthorized");
    return;
  }
  if (actor.type === "operator") throw new AppError("unauthorized");
  if (actor.type === "api_key") {
    if (access.who === "session") throw new AppError("forbidden", { detail: "Only a signed-in user can do this." });
    if (access.scope !== "anyKey" && !actor.scopes.includes(access.scope)) {
      throw new AppError("insufficient_scope", { detail: `The API key needs the scope "${access.scope}".` });
    }
    return;
  }
  if (access.who === "principal" && !roleAtLeast(actor.role, access.role)) {
    throw new AppError("forbidden", { detail: `This needs the role "${access.role}".` });
  }
}
