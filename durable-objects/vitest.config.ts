import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

const configPath = join(import.meta.dirname, "test-worker/wrangler.toml");

export default defineConfig({
  plugins: [cloudflareTest({ wrangler: { configPath } })],
  test: { name: "objects", include: ["**/*.test.ts"], root: import.meta.dirname, maxWorkers: 2, testTimeout: 30_000 },
});
