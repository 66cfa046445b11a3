import { vi } from "vitest";

/** How long an object may take on a busy machine, its first start included, in milliseconds. The default of `vi.waitFor` is one second. */
const waitMs = 15_000;

/** Repeats a check until it does not throw, and returns its result. Rejects with its last error after 15 s. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: waitMs });
}
