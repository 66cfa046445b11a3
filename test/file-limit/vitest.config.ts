import { defineConfig } from "vitest/config";

/** Runs the two fixtures of limit.test.ts, which no other run includes. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.fixture.ts"],
    setupFiles: ["limit.ts"],
    fileParallelism: false,
  },
});
