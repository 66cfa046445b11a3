import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { endOrphans, rememberProcesses } from "./orphans.ts";
import { processOf } from "./processes.ts";
import { hold, holder, letGo } from "./state.ts";

let folder: string;
let other: ChildProcess;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "domicile-state-"));
  other = spawn(process.execPath, ["-e", "setInterval(() => undefined, 1000)"]);
  await once(other, "spawn");
});

afterEach(() => {
  other.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

function heldBy(pid: number, started: string): void {
  writeFileSync(join(folder, "pid"), `${pid}\n${started}`);
}

describe("the state folder", () => {
  it("is held by one process that lives", () => {
    const pid = other.pid ?? 0;
    heldBy(pid, processOf(pid)?.started ?? "");
    expect(holder(folder)).toBe(pid);
    expect(hold(folder)).toBe(pid);
  });

  it("is taken over from a process that was killed", async () => {
    const pid = other.pid ?? 0;
    heldBy(pid, processOf(pid)?.started ?? "");
    other.kill("SIGKILL");
    await once(other, "exit");
    expect(hold(folder)).toBeNull();
    expect(readFileSync(join(folder, "pid"), "utf8")).toContain(String(process.pid));
    letGo(folder);
    expect(holder(folder)).toBeNull();
  });

  it("is taken over when the number of the one that was killed belongs to another by now", () => {
    heldBy(other.pid ?? 0, "of another time");
    expect(hold(folder)).toBeNull();
  });

  it("is taken over when its holder was killed before it had written who it is", () => {
    writeFileSync(join(folder, "pid"), "");
    expect(hold(folder)).toBeNull();
  });
});

describe("orphans", () => {
  it("are ended", async () => {
    rememberProcesses(folder, "runtimes", [{ pid: other.pid ?? 0, started: processOf(other.pid ?? 0)?.started ?? "" }]);
    const ended = once(other, "exit");
    await endOrphans(folder);
    expect((await ended)[1]).toBe("SIGKILL");
  });

  it("are not those who only have their number", async () => {
    rememberProcesses(folder, "runtimes", [{ pid: other.pid ?? 0, started: "of another time" }]);
    await endOrphans(folder);
    expect(other.exitCode).toBeNull();
    expect(other.signalCode).toBeNull();
  });
});
