import { AppError } from "../../schema/errors.ts";

/**
 * The result of a call to another Worker or object; `unavailable` (503) when the call fails. Errors lose their codes and causes on the way
 * between Workers, so the caller cannot tell whether the callee or its database was the one that could not be reached.
 */
export async function reached<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    throw new AppError("unavailable", { cause });
  }
}
