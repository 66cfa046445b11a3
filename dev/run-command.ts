import { execFile } from "node:child_process";
import { join } from "node:path";
import { root } from "./bundle.ts";

/** How a command ended, and what it printed. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How long a command may take, in milliseconds. */
const commandMs = 20_000;

/** Runs a command of `dev/` in a process of its own, as its npm script does; `env` adds to the environment. It is killed after 20 s. */
export function runCommand(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return new Promise((ended) => {
    const options = { timeout: commandMs, env: { ...process.env, ...env } };
    const child = execFile(process.execPath, [join(root, "dev", script), ...args], options, (_error, stdout, stderr) =>
      ended({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}
