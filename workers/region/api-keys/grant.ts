import { AppError } from "../../../schema/errors.ts";
import type { Principal, Scope } from "../../../schema/principal.ts";

/** A key gives no scope that it has not itself (403). A user who may make keys may give any. */
export function mayGiveScopes(principal: Principal, scopes: readonly Scope[]): void {
  if (principal.type === "api_key" && !scopes.every((scope) => principal.scopes.includes(scope))) {
    throw new AppError("insufficient_scope", { detail: "An API key cannot give scopes that it does not have." });
  }
}
