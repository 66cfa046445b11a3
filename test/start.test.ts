import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { root } from "../dev/bundle.ts";
import type { Demo } from "../dev/demo.ts";
import { freePort } from "../dev/free-port.ts";
import { removePostgres } from "../dev/postgres.ts";
import { endOrphans } from "../dev/state.ts";

const state = mkdtempSync(join(tmpdir(), "domicile-start-"));

afterAll(async () => {
  await endOrphans(state);
  await removePostgres(state);
  rmSync(state, { recursive: true, force: true });
});

interface Started {
  readonly process: ChildProcess;
  /** Resolves with all output when it is ready or has ended. */
  readonly settled: Promise<string>;
  readonly ended: Promise<number | null>;
}

function start(port: number): Started {
  const env = { ...process.env, DOMICILE_STATE: state, PORT: String(port) };
  const child = spawn(process.execPath, [join(root, "dev/start.ts")], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const ended = new Promise<number | null>((done) => {
    child.once("exit", done);
  });
  const settled = new Promise<string>((done) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes("Domicile is ready")) done(output);
      });
    }
    child.once("close", () => done(output));
  });
  return { process: child, settled, ended };
}

describe("npm start", { timeout: 90_000 }, () => {
  it("brings everything up, refuses a second of itself, survives being killed, and ends cleanly", async () => {
    const port = await freePort();
    const first = start(port);
    const output = await first.settled;
    expect(output).toContain("✓ Emil Noether signs in as emil@acme.example; home region: eu");
    expect(output.trim().split("\n").at(-1)).toBe(`Domicile is ready on http://localhost:${port}`);
    const demo = JSON.parse(readFileSync(join(state, "demo.json"), "utf8")) as Demo;
    expect(demo.base_url).toBe(`http://localhost:${port}`);
    expect(demo.users.map(({ email, region, role }) => `${email} ${region} ${role}`)).toEqual([
      "ada@acme.example us owner",
      "emil@acme.example eu admin",
      "gus@globex.example us owner",
      "greta@globex.example eu owner",
    ]);

    const second = start(port);
    expect(await second.settled).toContain(`already runs on this state, as process ${first.process.pid}`);
    expect(await second.ended).toBe(1);

    first.process.kill("SIGKILL");
    await first.ended;
    const third = start(port);
    expect(await third.settled).toContain("Domicile is ready");
    expect((JSON.parse(readFileSync(join(state, "demo.json"), "utf8")) as Demo).api_keys).toEqual(demo.api_keys);

    third.process.kill("SIGTERM");
    expect(await third.ended).toBe(0);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  });
});
