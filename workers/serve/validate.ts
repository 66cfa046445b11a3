import type { z } from "zod";
import { AppError, type FieldError } from "../../schema/errors.ts";

/** `value` as `schema` has it, or `validation_failed` (422) with what is wrong where. Messages never repeat the input. */
export function validate<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value, { reportInput: false });
  if (parsed.success) return parsed.data;
  throw new AppError("validation_failed", { errors: parsed.error.issues.map(fieldError) });
}

/** A `validation_failed` (422) about one field. */
export function invalid(path: string, message: string): AppError {
  return new AppError("validation_failed", { errors: [{ path, message }] });
}

function fieldError(issue: z.core.$ZodIssue): FieldError {
  return { path: issue.path.join("."), message: issue.message };
}
