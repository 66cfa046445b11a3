import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./bundle.ts";

/** Who runs on a state folder: the process of `npm start`, and the runtimes that it has started. */
interface Holder {
  readonly pid: number;
  readonly runtimes: readonly number[];
}

/** Where the platform on this machine keeps everything; `DOMICILE_STATE` names another folder. */
export function stateFolder(): string {
  return process.env["DOMICILE_STATE"] ?? join(root, ".domicile");
}

/** The process that has the state folder, null if none that lives. */
export function holder(folder: string): number | null {
  const held = readHolder(folder);
  return held !== null && held.pid !== process.pid && commandOf(held.pid).includes("start.ts") ? held.pid : null;
}

/** Ends the runtimes that a killed predecessor has left behind, which would keep its port, and waits until they are gone. */
export async function endOrphans(folder: string): Promise<void> {
  const orphans = (readHolder(folder)?.runtimes ?? []).filter((pid) => commandOf(pid).includes("workerd"));
  for (const pid of orphans) process.kill(pid, "SIGKILL");
  while (orphans.some((pid) => commandOf(pid).includes("workerd serve"))) {
    await new Promise((waited) => setTimeout(waited, 20));
  }
}

/** Takes the state folder for this process and the runtimes that it has started. */
export function hold(folder: string, runtimes: readonly number[] = []): void {
  mkdirSync(folder, { recursive: true });
  const held: Holder = { pid: process.pid, runtimes };
  writeFileSync(join(folder, "holder.json"), JSON.stringify(held));
}

/** Lets the state folder go. */
export function letGo(folder: string): void {
  rmSync(join(folder, "holder.json"), { force: true });
}

function readHolder(folder: string): Holder | null {
  const file = join(folder, "holder.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Holder) : null;
}

/** The command line of a process, "" if there is none by that number. Numbers are given again, so the command is looked at. */
function commandOf(pid: number): string {
  try {
    return execFileSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" });
  } catch (error) {
    // ps ends with 1 when it finds nobody.
    if ((error as { status?: number }).status === 1) return "";
    throw error;
  }
}
