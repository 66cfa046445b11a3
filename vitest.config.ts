import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["schema/**/*.test.ts", "queues/**/*.test.ts", "workers/**/*.test.ts", "dev/**/*.test.ts"],
          environment: "node",
        },
      },
      "*/vitest.config.ts",
      {
        test: {
          name: "platform",
          include: ["test/**/*.test.ts"],
          environment: "node",
          globalSetup: ["test/shared-platform.ts"],
          testTimeout: 30_000,
          hookTimeout: 90_000,
          // The platform is one process with real time in it: files take turns, so that none starves another's clock.
          fileParallelism: false,
        },
      },
    ],
  },
});
