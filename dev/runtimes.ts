import { join } from "node:path";
import { workerConfigs, type WorkerName } from "./bundle.ts";
import { forgetRuntimes, rememberRuntimes } from "./orphans.ts";
import type { Broker } from "./queues/broker.ts";
import { startWorkers, type RunningWorkers, type WorkersOptions } from "./workers.ts";

const everyWorker = Object.keys(workerConfigs) as WorkerName[];

/** Who consumes, where consumers have a workerd of their own: everybody but the edge. */
const consumers = everyWorker.filter((name) => name !== "domicile-edge");

const regionWorkers = everyWorker.filter((name) => name !== "domicile-edge" && name !== "domicile-global");

/** The cron of the regions' sweeper, and how often it runs here, in milliseconds. */
const everyMinute = "* * * * *";
const sweepMs = 5000;

/** The workerds of a platform: one for all Workers, and if wanted another that consumes the queues. */
export class Runtimes {
  readonly #stateDir: string;
  readonly #shared: Omit<WorkersOptions, "names" | "folder">;
  readonly #queues: Broker;
  readonly #apart: boolean;
  #workers: RunningWorkers | null = null;
  #consumers: RunningWorkers | null = null;
  #sweeping: NodeJS.Timeout | null = null;

  constructor(stateDir: string, shared: Omit<WorkersOptions, "names" | "folder">, queues: Broker, apart: boolean) {
    this.#stateDir = stateDir;
    this.#shared = shared;
    this.#queues = queues;
    this.#apart = apart;
  }

  get pids(): readonly number[] {
    return [...(this.#workers?.pids ?? []), ...(this.#consumers?.pids ?? [])];
  }

  async start(): Promise<void> {
    this.#workers = await this.#begin(everyWorker, "cloudflare");
    if (this.#apart) await this.startConsumers();
    else this.#consume(this.#workers);
    this.#beginSweeping();
  }

  /** Stops all of them, or kills them. */
  async stop(kill = false): Promise<void> {
    if (this.#sweeping !== null) clearInterval(this.#sweeping);
    if (kill) for (const running of [this.#workers, this.#consumers]) running?.kill();
    await this.#queues.stop();
    await Promise.all([this.#workers?.stop(), this.#consumers?.stop()]);
    this.#workers = null;
    this.#consumers = null;
    forgetRuntimes(this.#stateDir);
  }

  async startConsumers(): Promise<void> {
    this.#consumers = await this.#begin(consumers, "cloudflare-consumers");
    this.#consume(this.#consumers);
  }

  async killConsumers(): Promise<void> {
    this.#consumers?.kill();
    await this.#queues.stop();
    await this.#consumers?.stop();
    this.#consumers = null;
  }

  async scheduled(worker: WorkerName, time: Date, cron: string): Promise<void> {
    const running = this.#workers;
    if (running === null) throw new Error("the Workers do not run");
    await running.scheduled(worker, time, cron);
  }

  /** Runs the cron of each minute, more often than that: nobody here wants to wait for a minute. */
  #beginSweeping(): void {
    this.#sweeping = setInterval(() => {
      for (const worker of regionWorkers) {
        // What fails is in the Worker's log, and comes again; one that is being stopped is not there.
        void this.scheduled(worker, new Date(), everyMinute).catch(() => undefined);
      }
    }, sweepMs);
    this.#sweeping.unref();
  }

  async #begin(names: readonly WorkerName[], folder: string): Promise<RunningWorkers> {
    const running = await startWorkers({ ...this.#shared, names, folder: join(this.#stateDir, folder) });
    rememberRuntimes(this.#stateDir, [...this.pids, ...running.pids]);
    return running;
  }

  #consume(running: RunningWorkers): void {
    for (const { worker, queue, consumer } of running.consumptions)
      this.#queues.consume(queue, consumer, (name, messages) => running.deliver(worker, name, messages));
  }
}
