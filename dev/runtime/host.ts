import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare, type V4MiniflareOptions, type WorkerdStructuredLog } from "miniflare";
import { root } from "../bundle.ts";
import type { Consumption } from "../consumption.ts";
import { processes, type ProcessIdentity } from "../processes.ts";
import { describeWorkers } from "../workers.ts";
import { directOutboundBinding } from "./direct-outbound.ts";
import { dispatcherName } from "./dispatch.ts";
import type { FromHost, HostOptions, PlainWorker, ToHost } from "./messages.ts";

// The host: a process that runs Miniflare and one workerd, for the process that started it. workerd's output is drained here, so a
// thread of the owner that blocks cannot stall workerd. The host ends with its owner and takes workerd with it.

const token = randomBytes(32).toString("base64url");
let miniflare: Miniflare | null = null;

process.on("message", (message: ToHost) => {
  if (message.kind === "stop") void stop();
  else
    start(message.options).catch((error: unknown) => {
      send({ kind: "failed", reason: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      void stop();
    });
});
process.on("disconnect", killAll);
// The owner decides when the host ends: it may still have messages to handle when a terminal sends Ctrl-C to everyone.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

async function start({ folder, platform, extra }: HostOptions): Promise<void> {
  const described = platform === null ? { workers: [], consumptions: [] } : await describeWorkers(platform);
  const workers = [...(described.workers as PlainWorker[]), ...extra];
  const made = new Miniflare(
    convertV4MiniflareOptions({
      // The dispatcher is first: see `direct-outbound.ts`.
      workers: [dispatcher(workers.map(({ name }) => name)), ...workers],
      resourcePersistencePath: folder,
      handleStructuredLogs: collectLog,
      // Miniflare starts workerd again when it ends unexpectedly, and calls this when it runs.
      unsafeHandleRuntimeRestart: () => reportReady(described.consumptions),
      port: 0,
      host: "127.0.0.1",
    } as unknown as V4MiniflareOptions),
  );
  // Miniflare would end this process on a signal, at once.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => undefined);
  }
  miniflare = made;
  await made.ready;
  await reportReady(described.consumptions);
}

async function reportReady(consumptions: readonly Consumption[]): Promise<void> {
  const url = await miniflare?.unsafeGetDirectURL(dispatcherName);
  if (url === undefined) return;
  send({ kind: "ready", runtime: { processes: workerds(), dispatcher: { url: url.origin, token }, consumptions } });
}

function dispatcher(names: readonly string[]): PlainWorker {
  const contents = readFileSync(join(root, "dev/runtime/dispatcher.js"), "utf8");
  return {
    name: dispatcherName,
    modules: [{ type: "ESModule", path: "dispatcher.js", contents }],
    compatibilityDate: "2026-10-01",
    compatibilityFlags: ["service_binding_extra_handlers", "unsafe_module"],
    bindings: { TOKEN: token },
    serviceBindings: Object.fromEntries(names.map((name) => [name, name])),
    unsafeBindings: [directOutboundBinding],
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  };
}

let waiting: WorkerdStructuredLog[] = [];

/** Sends log entries in groups: one message for each line would cost more than the line. */
function collectLog(entry: WorkerdStructuredLog): void {
  waiting.push(entry);
  if (waiting.length === 1) setImmediate(sendLogs);
}

function sendLogs(): void {
  const entries = waiting;
  waiting = [];
  if (entries.length > 0) send({ kind: "logs", entries });
}

async function stop(): Promise<void> {
  // Bounded: a workerd that does not end is killed.
  const timer = setTimeout(killAll, 10_000);
  try {
    await miniflare?.dispose();
  } catch (error) {
    console.error("Miniflare could not be disposed:", error);
  }
  clearTimeout(timer);
  sendLogs();
  if (process.connected) process.disconnect();
  else killAll();
}

/** Ends workerd and this process at once. */
function killAll(): void {
  for (const { pid } of workerds()) process.kill(pid, "SIGKILL");
  process.exit();
}

function workerds(): ProcessIdentity[] {
  return processes()
    .filter(({ parent, command }) => parent === process.pid && /workerd(\.exe)? serve/.test(command))
    .map(({ pid, started }) => ({ pid, started }));
}

function send(message: FromHost): void {
  if (process.connected) process.send?.(message);
}
