import { join } from "node:path";
import type { WorkerdStructuredLog } from "miniflare";
import { workerConfigs, type WorkerName } from "./bundle.ts";
import { rememberProcesses } from "./orphans.ts";
import type { ProcessIdentity } from "./processes.ts";
import type { Broker } from "./queues/broker.ts";
import {
  dispatchAbort,
  dispatchBatch,
  dispatchRequest,
  dispatchScheduled,
  type DispatchedRequest,
  type DispatcherAddress,
} from "./runtime/dispatch.ts";
import { startRuntime, type Runtime } from "./runtime/runtime.ts";
import type { WorkersOptions } from "./workers.ts";

const everyWorker = Object.keys(workerConfigs) as WorkerName[];

/** The Workers that consume queues in a workerd of their own, where a test wants one: all but the edge. */
const consumers = everyWorker.filter((name) => name !== "domicile-edge");

const regionWorkers = everyWorker.filter((name) => name !== "domicile-edge" && name !== "domicile-global");

/** The cron of the regions' sweep, and how often it runs here, in milliseconds. */
const everyMinute = "* * * * *";
const sweepMs = 5000;

/** What the runtimes of a platform share. */
export interface RuntimesOptions {
  readonly stateDir: string;
  readonly workers: Omit<WorkersOptions, "names">;
  readonly queues: Broker;
  /** Whether the queues are consumed in a workerd of its own. */
  readonly consumersApart: boolean;
  readonly onLogs: (entries: readonly WorkerdStructuredLog[]) => void;
  readonly onFault: (message: string) => void;
}

/** The workerds of a platform: one for all Workers and, if wanted, another that consumes the queues. */
export class Runtimes {
  readonly #options: RuntimesOptions;
  #workers: Runtime | null = null;
  #consumers: Runtime | null = null;
  #sweeping: NodeJS.Timeout | null = null;
  #sweepFailed = false;

  constructor(options: RuntimesOptions) {
    this.#options = options;
  }

  /** The processes of the runtimes: hosts and workerds. */
  get processes(): readonly ProcessIdentity[] {
    return [...(this.#workers?.processes ?? []), ...(this.#consumers?.processes ?? [])];
  }

  /** The process ids of the workerds. */
  get pids(): readonly number[] {
    const running = [this.#workers?.running, this.#consumers?.running];
    return running.flatMap((runtime) => runtime?.processes.map(({ pid }) => pid) ?? []);
  }

  async start(): Promise<void> {
    this.#workers = await this.#begin(everyWorker, "cloudflare");
    if (this.#options.consumersApart) await this.startConsumers();
    else this.#consume(this.#workers);
    this.#beginSweeping();
  }

  /** Stops all of them, or kills them. */
  async stop(kill = false): Promise<void> {
    if (this.#sweeping !== null) clearInterval(this.#sweeping);
    this.#sweeping = null;
    const runtimes = [this.#workers, this.#consumers].filter((runtime) => runtime !== null);
    if (kill) await Promise.all(runtimes.map((runtime) => runtime.kill()));
    await this.#options.queues.stop();
    if (!kill) await Promise.all(runtimes.map((runtime) => runtime.stop()));
    this.#workers = null;
    this.#consumers = null;
    rememberProcesses(this.#options.stateDir, "runtimes", []);
  }

  async startConsumers(): Promise<void> {
    this.#consumers = await this.#begin(consumers, "cloudflare-consumers");
    this.#consume(this.#consumers);
  }

  async killConsumers(): Promise<void> {
    await this.#consumers?.kill();
    await this.#options.queues.stop();
    this.#consumers = null;
  }

  /** Ends every Durable Object of the Workers that the edge uses. */
  async abortObjects(): Promise<void> {
    await dispatchAbort(addressOf(this.#workers));
  }

  /** Sends a request to a Worker as another Worker would. */
  async request(worker: WorkerName, request: DispatchedRequest): Promise<Response> {
    return dispatchRequest(addressOf(this.#workers), worker, request);
  }

  async scheduled(worker: WorkerName, time: Date, cron: string): Promise<void> {
    await dispatchScheduled(addressOf(this.#workers), worker, time, cron);
  }

  /** Runs the minutely cron every 5 s, so that a local change takes effect soon. */
  #beginSweeping(): void {
    this.#sweeping = setInterval(() => {
      for (const worker of regionWorkers) void this.#sweep(worker);
    }, sweepMs);
    this.#sweeping.unref();
  }

  /** Reports the first failure of a series: the next sweep does the same work. */
  async #sweep(worker: WorkerName): Promise<void> {
    try {
      await this.scheduled(worker, new Date(), everyMinute);
      this.#sweepFailed = false;
    } catch (error) {
      if (this.#sweeping === null || this.#sweepFailed) return;
      this.#sweepFailed = true;
      this.#options.onFault(`The sweep of ${worker} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #begin(names: readonly WorkerName[], folder: string): Promise<Runtime> {
    const { stateDir, workers, onLogs, onFault } = this.#options;
    const options = { folder: join(stateDir, folder), platform: { ...workers, names }, extra: [] };
    const remember = (runtime: Runtime): void =>
      rememberProcesses(stateDir, "runtimes", [...this.processes, ...runtime.processes]);
    return startRuntime(options, { onLogs, onFault, onReady: remember });
  }

  #consume(runtime: Runtime): void {
    for (const { worker, queue, consumer } of runtime.running?.consumptions ?? [])
      this.#options.queues.consume(queue, consumer, (name, messages) =>
        dispatchBatch(addressOf(runtime), worker, name, messages),
      );
  }
}

function addressOf(runtime: Runtime | null): DispatcherAddress {
  if (runtime === null || runtime.running === null) throw new Error("The Workers are not running.");
  return runtime.running.dispatcher;
}
