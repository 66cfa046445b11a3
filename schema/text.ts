import { z } from "zod";

/** Whether Postgres can hold `text`: it has no NUL character and no lone surrogate. */
export function isStorable(text: string): boolean {
  return !text.includes("\u0000") && text.isWellFormed();
}

/** A zod schema for text that will be stored: trimmed, `minimum` to `maximum` characters. */
export function textSchema(minimum: number, maximum: number) {
  return z
    .string()
    .trim()
    .min(minimum)
    .max(maximum)
    .refine(isStorable, "must be well-formed text without NUL characters");
}
