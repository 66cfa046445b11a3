import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { WorkerdStructuredLog } from "miniflare";
import { root } from "../bundle.ts";
import { endProcesses, processOf, type ProcessIdentity } from "../processes.ts";
import type { FromHost, HostOptions, RunningRuntime, ToHost } from "./messages.ts";

/** Callbacks to the owner of a runtime. */
export interface RuntimeEvents {
  readonly onLogs: (entries: readonly WorkerdStructuredLog[]) => void;
  /** Called when workerd runs: after the start, and after each time that it ended unexpectedly. */
  readonly onReady: (runtime: Runtime) => void;
  /** Called with a sentence for the person who runs the platform. */
  readonly onFault: (message: string) => void;
}

/** One workerd, in a host process of its own that is started again when it ends unexpectedly. */
export interface Runtime {
  /** The host and its workerd. */
  readonly processes: readonly ProcessIdentity[];
  /** Null while workerd is being started again. */
  readonly running: RunningRuntime | null;
  stop(): Promise<void>;
  /** kill -9 of host and workerd. */
  kill(): Promise<void>;
}

/** How long bundling and starting may take on a slow, busy machine, in milliseconds. */
const startMs = 120_000;
/** How long a host may take to stop before it is killed, in milliseconds. It kills workerd itself after 10 s. */
const stopMs = 15_000;
/** The pause before a host that ended is started again, in milliseconds. */
const restartMs = 500;

/** Starts a runtime; rejects when it does not run within two minutes. */
export async function startRuntime(options: HostOptions, events: RuntimeEvents): Promise<Runtime> {
  const host = new Host(options, events);
  await host.start();
  return host;
}

class Host implements Runtime {
  readonly #options: HostOptions;
  readonly #events: RuntimeEvents;
  #process: ChildProcess | null = null;
  /** The workerd that runs, or that a host left behind. */
  #workerd: readonly ProcessIdentity[] = [];
  #running: RunningRuntime | null = null;
  #stopping = false;
  #restart: NodeJS.Timeout | null = null;

  constructor(options: HostOptions, events: RuntimeEvents) {
    this.#options = options;
    this.#events = events;
  }

  get processes(): readonly ProcessIdentity[] {
    const host = processOf(this.#process?.pid ?? 0);
    return [...(host === null ? [] : [{ pid: host.pid, started: host.started }]), ...this.#workerd];
  }

  get running(): RunningRuntime | null {
    return this.#running;
  }

  start(): Promise<void> {
    // Detached: Ctrl-C in a terminal goes to the owner alone, which stops everything in order.
    const host = fork(join(root, "dev/runtime/host.ts"), [], {
      detached: true,
      execArgv: ["--disable-warning=ExperimentalWarning"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      serialization: "advanced",
    });
    this.#process = host;
    return new Promise((started, failed) => {
      const late = setTimeout(() => {
        failed(new Error(`workerd was not ready within ${startMs / 1000} s`));
        void this.kill();
      }, startMs);
      host.on("message", (message: FromHost) => {
        if (message.kind === "logs") return this.#events.onLogs(message.entries);
        clearTimeout(late);
        if (message.kind === "failed") return failed(new Error(`workerd could not be started: ${message.reason}`));
        this.#onReady(message.runtime);
        started();
      });
      host.once("exit", (code, signal) => {
        clearTimeout(late);
        failed(new Error(`The host of workerd ended before workerd was ready (${signal ?? code})`));
        if (this.#process === host) this.#onExit(signal ?? String(code));
      });
      host.send({ kind: "start", options: this.#options } satisfies ToHost);
    });
  }

  async stop(): Promise<void> {
    const host = this.#end();
    if (host === null) return;
    if (host.connected) host.send({ kind: "stop" } satisfies ToHost);
    const timer = setTimeout(() => void this.kill(), stopMs);
    await exited(host);
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    const host = this.#end();
    if (host === null) return;
    host.kill("SIGKILL");
    await exited(host);
    await endProcesses(this.#workerd);
    this.#workerd = [];
  }

  #end(): ChildProcess | null {
    this.#stopping = true;
    this.#running = null;
    if (this.#restart !== null) clearTimeout(this.#restart);
    return this.#process;
  }

  #onReady(runtime: RunningRuntime): void {
    if (this.#running !== null) this.#events.onFault("workerd ended unexpectedly. It was started again.");
    this.#workerd = runtime.processes;
    this.#running = runtime;
    this.#events.onReady(this);
  }

  #onExit(reason: string): void {
    this.#process = null;
    if (this.#stopping || this.#running === null) return;
    this.#running = null;
    this.#events.onFault(`The host of workerd ended unexpectedly (${reason}). It is being started again.`);
    this.#scheduleRestart();
  }

  #scheduleRestart(): void {
    this.#restart = setTimeout(() => {
      this.#startAgain().catch((error: unknown) => {
        this.#events.onFault(`workerd could not be started again: ${String(error)}`);
        if (!this.#stopping) this.#scheduleRestart();
      });
    }, restartMs);
  }

  async #startAgain(): Promise<void> {
    // A host that was killed leaves its workerd behind, which holds the port and the objects' storage.
    await endProcesses(this.#workerd);
    this.#workerd = [];
    if (!this.#stopping) await this.start();
  }
}

async function exited(host: ChildProcess): Promise<void> {
  if (host.exitCode === null && host.signalCode === null) await once(host, "exit");
}
