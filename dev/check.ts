import { spawn } from "node:child_process";
import { workerConfigs } from "./bundle.ts";

/** One step of `npm run check`: a name and a command. */
type Step = readonly [name: string, command: string, ...args: string[]];

const steps: readonly Step[] = [
  ["types", "tsc", "-p", "."],
  ["types of dev and test", "tsc", "-p", "dev"],
  ["types of object tests", "tsc", "-p", "durable-objects"],
  ["environment types", process.execPath, "dev/generate-types.ts", "--check"],
  ["lint, import direction and cycles", "oxlint", "--type-aware", "--deny-warnings"],
  ["format", "oxfmt", "--check", "."],
  ["openapi", process.execPath, "dev/generate-openapi.ts", "--check"],
  ...Object.values(workerConfigs).map(
    (config) =>
      [`deploy ${config}`, "wrangler", "deploy", "--dry-run", "-c", config, "--outdir", `dist/${config}`] as const,
  ),
];

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

function run([, command, ...args]: Step): Promise<Outcome> {
  return new Promise((done, failed) => {
    const env = { ...process.env, WRANGLER_SEND_METRICS: "false", NO_COLOR: "1" };
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("error", failed);
    child.once("close", (code) => done({ code, output }));
  });
}

/** Two at a time: as many as the smallest machine has cores. */
const waiting = [...steps];
let failures = 0;

async function work(): Promise<void> {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    const { code, output } = await run(step);
    console.log(`${code === 0 ? "✓" : "✗"} ${step[0]}`);
    if (code === 0) continue;
    failures += 1;
    console.log(output.trimEnd());
  }
}

await Promise.all([work(), work()]);
process.exitCode = failures === 0 ? 0 : 1;
