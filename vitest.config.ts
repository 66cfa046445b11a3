import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["schema/**/*.test.ts", "queues/**/*.test.ts", "workers/**/*.test.ts", "dev/**/*.test.ts", "test/file-limit/*.test.ts"],
          environment: "node",
          setupFiles: ["test/file-limit/limit.ts"],
        },
      },
      "*/vitest.config.ts",
      {
        test: {
          name: "platform",
          include: ["test/*.test.ts"],
          environment: "node",
          globalSetup: ["test/shared-platform.ts"],
          setupFiles: ["test/file-limit/limit.ts"],
          testTimeout: 30_000,
          hookTimeout: 90_000,
          // A platform depends on real time, so files run one after the other.
          fileParallelism: false,
        },
      },
    ],
  },
});
