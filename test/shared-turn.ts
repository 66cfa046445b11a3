import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, inject } from "vitest";
import { processOf } from "../dev/processes.ts";

// Two files run at a time, of which one at most uses the shared platform: its tests close regions and count connections. A file waits
// here until the other has ended.

/** A file is stopped after 240 s, so the wait is longer than that. In milliseconds. */
const waitMs = 300_000;
const turn = join(inject("platform").stateDir, "turn");
const own = `${turn}.${process.pid}`;
writeFileSync(own, String(process.pid));
const deadline = Date.now() + waitMs;
while (!acquired()) {
  if (Date.now() > deadline) throw new Error(`Another test file has used the shared platform for ${waitMs / 1000} s.`);
  if (holderHasEnded()) rmSync(turn, { force: true });
  await new Promise((waited) => setTimeout(waited, 50));
}
rmSync(own);

afterAll(() => rmSync(turn, { force: true }));

function acquired(): boolean {
  try {
    linkSync(own, turn);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** A file that was stopped for taking too long keeps its turn. */
function holderHasEnded(): boolean {
  try {
    return processOf(Number(readFileSync(turn, "utf8"))) === null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
