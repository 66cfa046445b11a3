import { AppError } from "../../schema/errors.ts";

/**
 * The error (503) for a request that may have changed something although no one knows how it ended, or whose record could not
 * be stored.
 */
export function interrupted(cause: unknown, headers: Readonly<Record<string, string>> = {}): AppError {
  return new AppError("unavailable", {
    headers,
    detail: "This request may have been carried out, but could not be recorded. Check before you send it again.",
    cause,
  });
}
