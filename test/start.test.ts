import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { root } from "../dev/bundle.ts";
import { ask, expectStatus } from "../dev/api.ts";
import type { Demo } from "../dev/demo.ts";
import { freePort } from "../dev/free-port.ts";
import { endOrphans } from "../dev/orphans.ts";
import { removePostgres } from "../dev/postgres.ts";
import { processes, processOf } from "../dev/processes.ts";
import { startReceiver } from "../dev/receiver.ts";
import { newStateFolder } from "./state-folder.ts";
import { eventually } from "./world.ts";

const state = newStateFolder();
let port: number;

beforeEach(async () => {
  port = await freePort();
});

afterAll(async () => {
  await endOrphans(state);
  await removePostgres(state);
  rmSync(state, { recursive: true, force: true });
});

interface Started {
  readonly process: ChildProcess;
  /** Resolves with all output so far when it contains `text`, or when the process has ended. Rejects after 75 s. */
  says(text: string): Promise<string>;
  readonly ended: Promise<number | null>;
}

function run(script: string, environment: Record<string, string> = {}): Started {
  const env = { ...process.env, DOMICILE_STATE: state, PORT: String(port), ...environment };
  // A group of its own: what a terminal does, so that Ctrl-C can be sent to all of it.
  const child = spawn(process.execPath, [join(root, script)], {
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((done) => {
    child.once("close", done);
  });
  let output = "";
  const seen = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      for (const look of seen) look();
    });
  }
  const says = async (text: string): Promise<string> => {
    const said = new Promise<void>((done, failed) => {
      const look = (): void => (output.includes(text) ? done() : undefined);
      seen.add(look);
      look();
      const late = (): void => failed(new Error(`${script} did not print "${text}" within 75 s, but:\n${output}`));
      setTimeout(late, 75_000).unref();
    });
    await Promise.race([said, ended]);
    return output;
  };
  return { process: child, says, ended };
}

const start = (): Started => run("dev/start.ts");
const ready = "Domicile is ready";
const demoFile = (): Demo => JSON.parse(readFileSync(join(state, "demo.json"), "utf8")) as Demo;

/** What still runs of the platform: a Postgres on its data, or a runtime that no one has stopped. */
function leftOver(): string[] {
  const data = join(state, "postgres");
  return [
    ...processes()
      .filter(({ command }) => command.includes(data))
      .map(({ command }) => command),
    ...(existsSync(join(state, "processes.json")) ? ["processes.json"] : []),
  ];
}

/** The processes below a process. */
function descendants(pid: number): number[] {
  const all = processes();
  const below = new Set<number>([pid]);
  for (let before = 0; before !== below.size;) {
    before = below.size;
    for (const one of all) if (below.has(one.parent)) below.add(one.pid);
  }
  below.delete(pid);
  return [...below];
}

/** The workerds below a process. */
function workerds(pid: number): number[] {
  const below = new Set(descendants(pid));
  return processes()
    .filter((one) => below.has(one.pid) && one.command.includes("workerd serve"))
    .map((one) => one.pid);
}

describe("npm start", { timeout: 90_000 }, () => {
  it("brings everything up, refuses to start twice on one state, survives being killed, and ends everything at Ctrl-C", async () => {
    const first = start();
    const output = await first.says(ready);
    expect(output).toContain("✓ Emil Noether signs in as emil@acme.example; home region: eu");
    expect(output.trim().split("\n").at(-1)).toBe(`Domicile is ready on http://localhost:${port}`);
    const demo = demoFile();
    expect(demo.base_url).toBe(`http://localhost:${port}`);
    expect(demo.users.map(({ email, region, role }) => `${email} ${region} ${role}`)).toEqual([
      "ada@acme.example us owner",
      "emil@acme.example eu admin",
      "gus@globex.example us owner",
      "greta@globex.example eu owner",
    ]);
    for (const secret of ["demo.json", "secrets.json"]) expect(statSync(join(state, secret)).mode & 0o077).toBe(0);

    const second = start();
    expect(await second.says("nothing")).toContain(`already runs on this state, as process ${first.process.pid}`);
    expect(await second.ended).toBe(1);
    const tour = run("dev/tour.ts");
    expect(await tour.says("nothing")).toContain("✓ Ada signs out");
    expect(await tour.ended).toBe(0);

    first.process.kill("SIGKILL");
    await first.ended;
    // Whether the guardian has cleaned up yet or not.
    const third = start();
    expect(await third.says(ready)).toContain(ready);
    expect(demoFile().api_keys).toEqual(demo.api_keys);

    // Ctrl-C goes to every process of the terminal.
    process.kill(-(third.process.pid ?? 0), "SIGINT");
    expect(await third.ended).toBe(0);
    expect(leftOver()).toEqual([]);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  });

  it("continues after kill -9 of workerd, queues and deliveries included, and leaves nothing behind after kill -9 of itself", async () => {
    const started = start();
    await started.says(ready);
    const base = `http://localhost:${port}`;
    const { users, password } = demoFile();
    const credentials = { email: users[0]?.email, password };
    const signIn = await expectStatus<{ token: string }>(201, base, "/v1/sessions", {
      method: "POST",
      body: credentials,
    });
    const { token } = signIn.body;
    const receiver = await startReceiver();
    const body = { url: `${receiver.url}/healed`, event_types: ["healed.*"] };
    await expectStatus(201, base, "/v1/webhook-endpoints", { method: "POST", token, body });
    for (const pid of workerds(started.process.pid ?? 0)) process.kill(pid, "SIGKILL");
    expect(await started.says("started again")).toMatch(/\d\d:\d\d:\d\d\.\d{3}Z? .*workerd ended unexpectedly/);
    const event = { method: "POST", token, body: { type: "healed.one", data: {} } };
    await eventually(async () => (await ask(base, "/v1/events", event).catch(() => null))?.status === 202, 20_000);
    await eventually(async () => receiver.received.length > 0, 20_000);
    const records = `/v1/audit-logs?action=event.create`;
    await eventually(
      async () => (await ask<{ data: object[] }>(base, records, { token })).body.data.length > 0,
      20_000,
    );
    await receiver.close();

    const own = descendants(started.process.pid ?? 0);
    expect(own.length).toBeGreaterThan(3);
    started.process.kill("SIGKILL");
    await eventually(async () => leftOver().length === 0, 20_000);
    await eventually(async () => own.every((pid) => processOf(pid) === null), 20_000);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  });

  it.each([
    ["Starting", "SIGINT"],
    ["A short tour", "SIGTERM"],
  ] as const)("ends everything when it has printed '%s' and gets %s", async (said, signal) => {
    const started = start();
    await started.says(said);
    started.process.kill(signal);
    expect(await started.ended).toBe(0);
    expect(await started.says("nothing")).not.toContain(ready);
    expect(leftOver()).toEqual([]);
  });

  it.each(["127.0.0.1", "0.0.0.0"])("names a port that is in use on %s, and how to choose another", async (host) => {
    const taken = createServer().listen(port, host);
    await once(taken, "listening");
    try {
      const started = start();
      const output = await started.says("nothing");
      expect(output).toContain(`Port ${port} is in use`);
      expect(output).toMatch(/PORT=\d+ npm start/);
      expect(await started.ended).toBe(1);
      expect(leftOver()).toEqual([]);
    } finally {
      taken.close();
    }
  });

  it("rejects an invalid port", async () => {
    const started = run("dev/start.ts", { PORT: "http" });
    expect(await started.says("nothing")).toContain("PORT must be a number");
    expect(await started.ended).toBe(1);
  });

  it("says of the tour that nothing runs, and removes everything on reset", async () => {
    const tour = run("dev/tour.ts");
    expect(await tour.says("nothing")).toContain("npm start");
    expect(await tour.ended).toBe(1);
    const reset = run("dev/reset.ts");
    expect(await reset.ended).toBe(0);
    expect(existsSync(state)).toBe(false);
  });
});
