import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../../dev/bundle.ts";

it("stops a test file that blocks its thread, fails the run, and still runs the other files", async () => {
  const config = join(import.meta.dirname, "vitest.config.ts");
  const child = spawn(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run", "--config", config], {
    env: { ...process.env, FILE_LIMIT_MS: "3000", NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number];
  expect(output).toContain("hangs.fixture.ts did not end within 3 s. It is stopped.");
  expect(output).toMatch(/✓ .*passes\.fixture\.ts/);
  expect(code).toBe(1);
}, 60_000);
