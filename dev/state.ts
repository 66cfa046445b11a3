import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./bundle.ts";

/** Where the platform on this machine keeps everything; `DOMICILE_STATE` names another folder. */
export function stateFolder(): string {
  return process.env["DOMICILE_STATE"] ?? join(root, ".domicile");
}

/** The process that has the state folder, null if none that lives. */
export function holder(folder: string): number | null {
  const file = join(folder, "pid");
  if (!existsSync(file)) return null;
  const pid = Number(readFileSync(file, "utf8"));
  return Number.isInteger(pid) && pid !== process.pid && isAlive(pid) ? pid : null;
}

/** Takes the state folder for this process. A holder that was killed does not count. */
export function hold(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "pid"), String(process.pid));
}

/** Lets the state folder go. */
export function letGo(folder: string): void {
  rmSync(join(folder, "pid"), { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  // The number may have been given to another program since.
  const commandLine = `/proc/${pid}/cmdline`;
  return !existsSync(commandLine) || readFileSync(commandLine, "utf8").includes("start.ts");
}
