import { AppError } from "../../../schema/errors.ts";
import { roleAtLeast, type Principal } from "../../../schema/principal.ts";

/** The one user whose records a principal may see; null: all of its customer's. */
export function onlyRecordsOf(principal: Principal): string | null {
  return principal.type === "user" && !roleAtLeast(principal.role, "admin") ? principal.id : null;
}

/** The user that a list is narrowed to; 403 for somebody else's records. */
export function narrowTo(principal: Principal, asked: string | undefined): string | undefined {
  const only = onlyRecordsOf(principal);
  if (only === null) return asked;
  if (asked !== undefined && asked !== only)
    throw new AppError("forbidden", { detail: "You may see your own records only." });
  return only;
}
