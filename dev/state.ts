import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { root } from "./bundle.ts";
import { processOf } from "./processes.ts";

/** Where the platform on this machine keeps everything; `DOMICILE_STATE` names another folder. */
export function stateFolder(): string {
  return resolve(process.env["DOMICILE_STATE"] ?? join(root, ".domicile"));
}

/** The process that has the state folder, null if none that lives. A holder that was killed does not count. */
export function holder(folder: string): number | null {
  const [pid, started] = readHolder(folder);
  if (pid === null || pid === process.pid) return null;
  if (process.platform === "win32") return signalled(pid) ? pid : null;
  const living = processOf(pid);
  return living !== null && living.started === started ? pid : null;
}

/** Takes the state folder for this process, unless another that lives has it: then says which. */
export function hold(folder: string): number | null {
  mkdirSync(folder, { recursive: true });
  // A link is made whole or not at all: of two that start at once, one finds the other's.
  const mine = join(folder, `pid.${process.pid}`);
  writeFileSync(mine, `${process.pid}\n${processOf(process.pid)?.started ?? ""}`);
  try {
    for (;;) {
      if (linked(mine, join(folder, "pid"))) return null;
      const other = holder(folder);
      if (other !== null) return other;
      letGo(folder);
    }
  } finally {
    rmSync(mine);
  }
}

/** Lets the state folder go. */
export function letGo(folder: string): void {
  rmSync(join(folder, "pid"), { force: true });
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function readHolder(folder: string): [number | null, string] {
  try {
    const [pid, started = ""] = readFileSync(join(folder, "pid"), "utf8").split("\n");
    return Number(pid) > 0 ? [Number(pid), started] : [null, ""];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [null, ""];
    throw error;
  }
}

function signalled(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
