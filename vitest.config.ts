import { configDefaults, defineConfig } from "vitest/config";
import { FileOrder, ownPlatformFiles } from "./test/file-order.ts";

/** Files that run at a time, of every project. They wait more than they compute. */
const maxWorkers = 2;

/** What the files that start platforms share. */
const platformTests = {
  environment: "node",
  testTimeout: 30_000,
  hookTimeout: 90_000,
  maxWorkers,
} as const;

const own = ownPlatformFiles.map((name) => `test/${name}.test.ts`);

export default defineConfig({
  test: {
    sequence: { sequencer: FileOrder },
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "schema/**/*.test.ts",
            "queues/**/*.test.ts",
            "workers/**/*.test.ts",
            "dev/**/*.test.ts",
            "bench/cost/*.test.ts",
            "test/file-limit/*.test.ts",
          ],
          environment: "node",
          setupFiles: ["test/file-limit/limit.ts"],
          maxWorkers,
        },
      },
      "*/vitest.config.ts",
      {
        test: {
          ...platformTests,
          name: "platform",
          include: ["test/*.test.ts"],
          exclude: [...configDefaults.exclude, ...own],
          globalSetup: ["test/shared-platform.ts"],
          setupFiles: ["test/shared-turn.ts", "test/file-limit/limit.ts"],
        },
      },
      {
        test: {
          ...platformTests,
          name: "own platform",
          include: own,
          setupFiles: ["test/file-limit/limit.ts"],
        },
      },
    ],
  },
});
