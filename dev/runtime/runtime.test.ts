import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { root } from "../bundle.ts";
import { processes } from "../processes.ts";
import type { StoredMessage } from "../queues/message.ts";
import { dispatchBatch, dispatchScheduled, type DispatcherAddress } from "./dispatch.ts";
import type { HostOptions } from "./messages.ts";
import { startRuntime, type Runtime } from "./runtime.ts";

/** Requests the URL that each message of a batch carries, logs 10 MB, and requests it again. */
const script = `export default {
  async queue(batch) {
    for (const message of batch.messages) {
      await fetch(message.body);
      const line = "x".repeat(10_000);
      for (let count = 0; count < 1000; count++) console.log(line);
      await fetch(message.body);
      message.ack();
    }
  },
  async scheduled(controller) {
    console.log(controller.cron + " at " + controller.scheduledTime);
  },
};`;

let folder: string;
let runtime: Runtime | null = null;
const faults: string[] = [];
const lines: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "domicile-runtime-"));
  faults.length = 0;
  lines.length = 0;
});

afterEach(async () => {
  await runtime?.stop();
  runtime = null;
  rmSync(folder, { recursive: true, force: true });
});

function options(): HostOptions {
  const worker = { name: "w", modules: true, script, compatibilityDate: "2026-10-01" };
  return { folder, platform: null, extra: [worker] };
}

async function start(): Promise<Runtime> {
  runtime = await startRuntime(options(), {
    onLogs: (entries) => lines.push(...entries.map(({ message }) => message)),
    onReady: () => undefined,
    onFault: (message) => faults.push(message),
  });
  return runtime;
}

function addressOf({ running }: Runtime): DispatcherAddress {
  if (running === null) throw new Error("the runtime is not running");
  return running.dispatcher;
}

function messageOf(text: string): StoredMessage {
  const body = Buffer.from(text).toString("base64");
  return { id: "m", timestamp: Date.now(), contentType: "text", body, attempts: 0, due: 0 };
}

async function eventually(what: string, holds: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`within ${ms} ms: ${what}`);
    await new Promise((looked) => setTimeout(looked, 20));
  }
}

/** Whether a cron run reaches the Worker. */
function reachable(target: Runtime): Promise<boolean> {
  return dispatchScheduled(addressOf(target), "w", new Date(0), "* * * * *").then(
    () => true,
    () => false,
  );
}

/** A server in a thread of its own. `times`: when its first and its second request arrived. */
async function startClock(): Promise<{ url: string; times: readonly Promise<number>[]; close(): Promise<number> }> {
  const thread = new Worker(
    `const { createServer } = require("node:http");
     const { parentPort } = require("node:worker_threads");
     const server = createServer((request, response) => { parentPort.postMessage(Date.now()); response.end(); });
     server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`,
    { eval: true },
  );
  const [port] = (await once(thread, "message")) as [number];
  const [first, second] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  thread.once("message", (time: number) => {
    first.resolve(time);
    thread.once("message", second.resolve);
  });
  const times = [first.promise, second.promise];
  return { url: `http://127.0.0.1:${port}`, times, close: () => thread.terminate() };
}

/** A server that responds with 200; resolves `headers` with those of its first request. */
async function startOrigin(): Promise<{ url: string; headers: Promise<IncomingHttpHeaders>; close(): void }> {
  const server = createServer((_request, response) => response.end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const headers = once(server, "request").then(([request]) => (request as IncomingMessage).headers);
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, headers, close: () => server.close() };
}

describe("a runtime", { timeout: 60_000 }, () => {
  it("keeps running while a Worker logs 10 MB in a batch and the thread of its owner is blocked", async () => {
    const clock = await startClock();
    const started = await start();
    const dispatched = dispatchBatch(addressOf(started), "w", "q", [messageOf(clock.url)]);
    // The batch has arrived when the Worker's first request does.
    await clock.times[0];
    const blocked = Date.now();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5000);
    const unblocked = Date.now();
    const result = await dispatched;
    expect(unblocked - blocked).toBeGreaterThanOrEqual(4900);
    expect(await clock.times[1]).toBeLessThan(unblocked - 1000);
    expect(result).toMatchObject({ outcome: "ok", explicitAcks: ["m"] });
    await eventually("every line arrives", () => lines.join("").length === 10_000_000);
    await clock.close();
  });

  it("rejects callers without the token", async () => {
    const { url } = addressOf(await start());
    const wrong = { url, token: "wrong" };
    await expect(dispatchScheduled(wrong, "w", new Date(0), "* * * * *")).rejects.toThrow("responded with 401");
  });

  it("sends what a Worker fetches straight to the network", async () => {
    const origin = await startOrigin();
    const result = await dispatchBatch(addressOf(await start()), "w", "q", [messageOf(origin.url)]);
    expect(result).toMatchObject({ outcome: "ok", explicitAcks: ["m"] });
    // Miniflare's own Worker for outbound requests adds this header.
    expect(await origin.headers).not.toHaveProperty("cf-worker");
    origin.close();
  });

  it("is started again after kill -9 of workerd, and then takes batches and cron runs", async () => {
    const started = await start();
    const before = started.running?.processes ?? [];
    for (const { pid } of before) process.kill(pid, "SIGKILL");
    await eventually("the fault is reported", () => faults.length > 0);
    await eventually("a cron run reaches the Worker", () => reachable(started));
    expect(faults).toEqual(["workerd ended unexpectedly. It was started again."]);
    expect(started.running?.processes).toHaveLength(1);
    expect(started.running?.processes).not.toEqual(before);
    await eventually("the cron run is logged", () => lines.includes("* * * * * at 0"));
  });

  it("is started again after kill -9 of its host, whose workerd it ends", async () => {
    const started = await start();
    const workerd = started.running?.processes[0]?.pid ?? 0;
    const host = started.processes.find(({ pid }) => pid !== workerd)?.pid ?? 0;
    process.kill(host, "SIGKILL");
    await eventually("the fault is reported", () => faults.length > 0);
    await eventually("the runtime runs again", () => started.running !== null && reachable(started));
    expect(faults[0]).toContain("The host of workerd ended unexpectedly (SIGKILL)");
    expect(processes().some(({ pid }) => pid === workerd)).toBe(false);
  });

  it("ends when its owner is killed", async () => {
    const owner = await startOwner();
    const [{ pids }] = (await once(owner, "message")) as [{ pids: number[] }];
    expect(pids).toHaveLength(2);
    owner.kill("SIGKILL");
    await eventually("host and workerd end", () => !processes().some(({ pid }) => pids.includes(pid)));
  });
});

/** A process that starts a runtime and sends the ids of its processes. */
async function startOwner(): Promise<ChildProcess> {
  const file = join(folder, "owner.ts");
  writeFileSync(
    file,
    `import { startRuntime } from ${JSON.stringify(join(root, "dev/runtime/runtime.ts"))};
     const ignore = () => undefined;
     const options = ${JSON.stringify(options())};
     const runtime = await startRuntime(options, { onLogs: ignore, onReady: ignore, onFault: ignore });
     process.send({ pids: runtime.processes.map(({ pid }) => pid) });`,
  );
  const owner = fork(file, [], { execArgv: [] });
  await once(owner, "spawn");
  return owner;
}
