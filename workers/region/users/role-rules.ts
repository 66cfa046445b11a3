import { AppError } from "../../../schema/errors.ts";
import type { Actor } from "../../../schema/forwarded.ts";
import { roleAtLeast, type Role } from "../../../schema/principal.ts";

/** The role by which an actor administers: an API key counts as `admin`, an operator as `owner`. */
export function rankOf(actor: Actor): Role {
  if (actor.type === "operator") return "owner";
  return actor.type === "user" ? actor.role : "admin";
}

/** Nobody grants a role above their own (403). */
export function mayGrant(actor: Actor, role: Role): void {
  if (!roleAtLeast(rankOf(actor), role)) {
    throw new AppError("forbidden", { detail: "A role above your own cannot be granted." });
  }
}

/** Nobody changes or deletes a user whose role is above their own (403). */
export function mayManage(actor: Actor, target: Role): void {
  if (!roleAtLeast(rankOf(actor), target)) {
    throw new AppError("forbidden", { detail: "A user of a role above your own cannot be changed." });
  }
}

/** An owner stays one through its own hands (409), so that a customer always keeps an owner who can act. */
export function keepsAnOwner(actor: Actor, targetId: string): void {
  if (actor.type === "user" && actor.id === targetId && actor.role === "owner") {
    throw new AppError("conflict", {
      detail: "An owner cannot delete, disable or demote themselves. Let another owner do it.",
    });
  }
}
