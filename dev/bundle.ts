import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
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

/** What a bundle is made from: these folders, the versions of its dependencies, and the Worker's configuration. */
const ingredients = [
  "workers",
  "durable-objects",
  "queues",
  "schema",
  "docs/openapi.json",
  "package-lock.json",
  "tsconfig.json",
];

/**
 * Returns a Worker's script, bundled as `wrangler deploy` would upload it. One made from the same sources is used again. `entry`: a module
 * of this project to start from instead of the configured one.
 */
export async function bundle(worker: WorkerName, entry?: string): Promise<string> {
  const cache = join(root, "node_modules/.cache/domicile");
  const label = entry === undefined ? worker : `${worker}+${basename(entry, ".ts")}`;
  const script = join(cache, `${label}-${fingerprint(worker, entry)}.js`);
  if (existsSync(script)) return readFileSync(script, "utf8");
  mkdirSync(cache, { recursive: true });
  const out = mkdtempSync(join(cache, `${label}-`));
  try {
    const args = [
      "deploy",
      ...(entry === undefined ? [] : [entry]),
      "--dry-run",
      "-c",
      workerConfigs[worker],
      "--outdir",
      out,
    ];
    await promisify(execFile)(process.execPath, [join(root, "node_modules/wrangler/bin/wrangler.js"), ...args], {
      cwd: root,
      env: { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_LOG: "error" },
    });
    const made = join(out, `${basename(entry ?? "index.ts", ".ts")}.js`);
    const contents = readFileSync(made, "utf8");
    for (const name of readdirSync(cache))
      if (name.startsWith(`${label}-`) && name.endsWith(".js")) rmSync(join(cache, name), { force: true });
    renameSync(made, script);
    return contents;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function fingerprint(worker: WorkerName, entry: string | undefined): string {
  const hash = createHash("sha256");
  const sources = entry === undefined ? ingredients : [...ingredients, dirname(entry)];
  for (const file of [workerConfigs[worker], ...sources.flatMap(sourcesUnder)]) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}

function sourcesUnder(path: string): string[] {
  if (/\.(ts|json)$/.test(path)) return path.endsWith(".test.ts") ? [] : [path];
  const entries = readdirSync(join(root, path), { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) =>
    entry.isDirectory() || /\.(ts|json)$/.test(entry.name) ? sourcesUnder(`${path}/${entry.name}`) : [],
  );
}
