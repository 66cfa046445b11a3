import { spawnSync } from "node:child_process";

/** Each Worker's environment: where its type goes, its name, and the configurations it is made from, its own first. */
const environments = [
  {
    file: "workers/edge/env.d.ts",
    name: "EdgeEnv",
    configs: ["wrangler.toml", "wrangler.global.toml", "wrangler.us.toml", "wrangler.eu.toml"],
  },
  { file: "workers/global/env.d.ts", name: "GlobalEnv", configs: ["wrangler.global.toml"] },
  { file: "workers/region/env.d.ts", name: "RegionEnv", configs: ["wrangler.us.toml", "wrangler.global.toml"] },
];

// `npm run types` writes the environment types; `npm run types -- --check` only says whether they are up to date.
for (const { file, name, configs } of environments) {
  const run = spawnSync(
    "wrangler",
    [
      "types",
      file,
      "--env-interface",
      name,
      "--include-runtime",
      "false",
      "--strict-vars",
      "false",
      ...configs.flatMap((config) => ["-c", config]),
      ...process.argv.slice(2),
    ],
    { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, WRANGLER_SEND_METRICS: "false" } },
  );
  if (run.status !== 0) process.exit(run.status ?? 1);
}
