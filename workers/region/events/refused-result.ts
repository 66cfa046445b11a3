import { errorCatalog, AppError } from "../../../schema/errors.ts";
import type { EventResult } from "../../../schema/http/events.ts";

/** The result of an event of a batch that was refused by `error`: what `POST /v1/events` would have answered, in short. */
export function refusedResult(error: unknown): EventResult {
  const known = error instanceof AppError ? error : new AppError("internal", { cause: error });
  const { status, title } = errorCatalog[known.code];
  const { detail, errors } = known.details;
  return { status, error: { code: known.code, detail: detail ?? `${title}.`, ...(errors && { errors: [...errors] }) } };
}
