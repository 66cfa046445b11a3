import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { processes } from "./processes.ts";
import { startSupervisedPooler } from "./supervised-pooler.ts";

async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`This was not true within 15 s: ${what}`);
    await new Promise((looked) => setTimeout(looked, 20));
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const accepted = await Promise.race([
    once(socket, "connect").then(() => true),
    once(socket, "error").then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return accepted;
}

function killPooler(): void {
  for (const { pid, parent, command } of processes())
    if (parent === process.pid && command.includes("pooler/process.ts")) process.kill(pid, "SIGKILL");
}

/** Whether a server can listen on a port: not while a pooler that was started again does. */
async function listens(server: Server, port: number): Promise<boolean> {
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return false;
    throw error;
  }
}

it("starts a killed pooler again, also when its port is in use for a while", async () => {
  const stateDir = mkdtempSync(join(tmpdir(), "domicile-supervised-"));
  const faults: string[] = [];
  const options = { stateDir, postgresPort: 1, roles: [], onFault: (message: string) => void faults.push(message) };
  const pooler = await startSupervisedPooler(options);
  const other = createServer();
  try {
    await eventually("the port of the killed pooler is taken by another server", () => {
      killPooler();
      return listens(other, pooler.port);
    });
    await eventually("a start fails", () => faults.some((fault) => fault.includes("could not be started again")));
    await new Promise((closed) => other.close(closed));
    await eventually("the pooler listens again", () => accepts(pooler.port));
  } finally {
    await pooler.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
  expect(await accepts(pooler.port)).toBe(false);
}, 60_000);
