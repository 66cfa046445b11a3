import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The project's folder. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** The Workers, by the file that configures each; the first is the public one. */
export const workerConfigs = {
  "domicile-edge": "wrangler.toml",
  "domicile-global": "wrangler.global.toml",
  "domicile-us": "wrangler.us.toml",
  "domicile-eu": "wrangler.eu.toml",
} as const;

/** The name of a Worker. */
export type WorkerName = keyof typeof workerConfigs;

/** Bundles a Worker as `wrangler deploy` would upload it, into `folder`, and returns its script. */
export async function bundle(worker: WorkerName, folder: string): Promise<string> {
  const out = join(folder, worker);
  const args = ["deploy", "--dry-run", "-c", workerConfigs[worker], "--outdir", out];
  await promisify(execFile)(process.execPath, [join(root, "node_modules/wrangler/bin/wrangler.js"), ...args], {
    cwd: root,
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_LOG: "error" },
  });
  return readFileSync(join(out, "index.js"), "utf8");
}
