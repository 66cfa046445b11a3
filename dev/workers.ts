import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare, type V4MiniflareOptions, type WorkerdStructuredLog } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import type { Region } from "../schema/regions.ts";
import { bundle, root, workerConfigs, type WorkerName } from "./bundle.ts";
import { loopback, portState } from "./free-port.ts";
import type { LocalPostgres } from "./postgres.ts";
import { processes } from "./processes.ts";
import type { BatchResult, Consumer } from "./queues/local-queue.ts";
import { deliverable, type StoredMessage } from "./queues/message.ts";
import { localQueue } from "./queues/plugin.ts";
import { queueHeader } from "./queues/server.ts";
import type { LocalSecrets } from "./secrets.ts";

/** What the Workers of one machine need. */
export interface WorkersOptions {
  /** Which of them to start: those that share a workerd. */
  readonly names: readonly WorkerName[];
  /** Where their objects and buckets are. */
  readonly folder: string;
  readonly port: number;
  readonly postgres: LocalPostgres;
  readonly secrets: LocalSecrets;
  /** What stands in for the regions' read replicas; the primaries if not given. */
  readonly replicaUrl?: string | undefined;
  /** Variables of every Worker that say otherwise than its configuration. */
  readonly variables: Readonly<Record<string, string>>;
  /** Where the queues listen, as `127.0.0.1:1234`. */
  readonly queues: string;
  /** Whether the starter closes on SIGINT and its like itself. */
  readonly handlesSignals: boolean;
  readonly log: (entry: WorkerdStructuredLog) => void;
}

interface DirectSocket {
  readonly host: string;
  readonly port: number;
  readonly serviceName: WorkerName;
}

/** A queue and the Worker that consumes it. */
export interface Consumption {
  readonly worker: WorkerName;
  readonly queue: string;
  readonly consumer: Consumer;
}

/** Workers in one workerd. */
export interface RunningWorkers {
  stop(): Promise<void>;
  readonly pids: readonly number[];
  /** kill -9 of the runtime. */
  kill(): void;
  readonly consumptions: readonly Consumption[];
  /** Hands a batch to a Worker's `queue()`; rejects when it cannot be reached. */
  deliver(worker: WorkerName, queue: string, messages: readonly StoredMessage[]): Promise<BatchResult>;
  /** Runs a Worker's `scheduled()` as if it were `time`, and that cron. */
  scheduled(worker: WorkerName, time: Date, cron: string): Promise<void>;
}

/** Bundles and starts Workers; the edge, if it is among them, listens on `port` of `localhost` without a proxy in front. */
export async function startWorkers(options: WorkersOptions): Promise<RunningWorkers> {
  const { names } = options;
  const scripts = await Promise.all(names.map(bundle));
  const sockets = names.includes("domicile-edge") ? await directSockets(options.port) : [];
  const made = names.map((name, at) => workerOptions(name, scripts[at] ?? "", sockets[at] ?? [], options));
  const before = new Set(runtimes());
  const make = (): Miniflare =>
    new Miniflare(
      convertV4MiniflareOptions({
        workers: made.map(({ worker }) => worker),
        resourcePersistencePath: options.folder,
        handleStructuredLogs: options.log,
        port: 0,
        host: "127.0.0.1",
      } as V4MiniflareOptions),
    );
  const miniflare = options.handlesSignals ? withoutItsSignalHandlers(make) : make();
  try {
    await miniflare.ready;
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
  const pids = runtimes().filter((pid) => !before.has(pid));
  const fetchers = new Map<WorkerName, ReturnType<typeof miniflare.getWorker>>();
  // Each kept: the first use of one makes Miniflare block this process, which must not happen while workerd has much to log.
  const workerOf = (name: WorkerName): ReturnType<typeof miniflare.getWorker> => {
    const known = fetchers.get(name) ?? miniflare.getWorker(name);
    fetchers.set(name, known);
    return known;
  };
  return {
    pids,
    consumptions: made.flatMap(({ consumptions }) => consumptions),
    deliver: async (worker, queue, messages) => {
      const fetcher = await workerOf(worker);
      return fetcher.queue(queue, messages.map(deliverable));
    },
    scheduled: async (worker, time, cron) => {
      const fetcher = await workerOf(worker);
      const result = await fetcher.scheduled({ scheduledTime: time, cron });
      if (result.outcome !== "ok") throw new Error(`scheduled() of ${worker} ended with ${result.outcome}`);
    },
    stop: async () => {
      await miniflare.dispose();
    },
    kill: () => {
      for (const pid of pids) process.kill(pid, "SIGKILL");
    },
  };
}

/**
 * The sockets of the edge, one for each address of `localhost` that this machine has. Miniflare names a socket after the Worker that
 * declares it, so each is declared by another Worker.
 */
async function directSockets(port: number): Promise<DirectSocket[][]> {
  const states = await Promise.all(loopback.map((host) => portState(port, host)));
  const hosts = loopback.filter((_, at) => states[at] !== "absent");
  return hosts.map((host) => [{ host, port, serviceName: "domicile-edge" }]);
}

function workerOptions(name: WorkerName, script: string, sockets: DirectSocket[], options: WorkersOptions) {
  const databases = databaseUrls(name, options);
  const { queueProducers, queueConsumers, ...declared } = readBindings(name, databases);
  const worker = {
    ...declared,
    name,
    modules: [{ type: "ESModule" as const, path: "index.js", contents: script }],
    bindings: {
      ...(declared["bindings"] as Record<string, unknown>),
      ...variables(name, options),
      ...options.variables,
    },
    unsafeBindings: Object.entries(queueProducers ?? {}).map(([binding, { queueName }]) => ({
      name: binding,
      type: localQueue,
      plugin: { package: join(root, "dev/queues/plugin.ts"), name: localQueue },
      options: { queue: queueName, address: options.queues, header: queueHeader },
    })),
    hyperdrives: databases,
    stripCfConnectingIp: false,
    unsafeDirectSockets: sockets,
  };
  const consumptions = Object.entries(queueConsumers ?? {}).map(([queue, consumer]) => ({
    worker: name,
    queue,
    consumer,
  }));
  return { worker, consumptions };
}

/** What wrangler makes of a configuration, as far as this file looks into it. */
interface Declared extends Record<string, unknown> {
  readonly queueProducers?: Readonly<Record<string, { readonly queueName: string }>>;
  readonly queueConsumers?: Readonly<Record<string, Consumer>>;
}

/** A Worker's bindings as its configuration declares them. Wrangler wants connection strings in the environment, and to be quiet. */
function readBindings(name: WorkerName, databases: Record<string, string>): Declared {
  process.env["WRANGLER_LOG"] = "error";
  for (const [binding, url] of Object.entries(databases)) {
    process.env[`CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_${binding}`] = url;
  }
  return unstable_getMiniflareWorkerOptions(join(root, workerConfigs[name])).workerOptions;
}

function databaseUrls(name: WorkerName, { postgres, secrets, replicaUrl }: WorkersOptions): Record<string, string> {
  if (name === "domicile-edge") return {};
  const database = name === "domicile-global" ? "global" : regionOf(name);
  const url = postgres.url(`${database}_app`, secrets.appPasswords[database], database);
  if (database === "global") return { DB: url, DB_REPLICA: url };
  return {
    DB: url,
    DB_REPLICA: replicaUrl ?? url,
    DB_AUDIT: postgres.url(`${database}_audit`, secrets.auditPasswords[database], database),
    DB_WEBHOOKS: postgres.url(`${database}_webhooks`, secrets.webhooksPasswords[database], database),
    DB_EVENTS: postgres.url(`${database}_events`, secrets.eventsPasswords[database], database),
    DB_ARCHIVER: postgres.url(`${database}_archiver`, secrets.archiverPasswords[database], database),
  };
}

/** Variables and secrets of a Worker on one machine; everything else is as deployed. */
function variables(name: WorkerName, { port, secrets }: WorkersOptions): Record<string, string> {
  const local = {
    DOMICILE_ENV: "local",
    ISSUER: `http://localhost:${port}`,
    CONFIG_REFRESH_SECONDS: "1",
    CONFIG_MAX_AGE_SECONDS: "3",
  };
  if (name === "domicile-global") return { DOMICILE_ENV: local.DOMICILE_ENV, ISSUER: local.ISSUER };
  if (name === "domicile-edge") {
    const checksumKeys = Object.fromEntries(
      Object.entries(secrets.regions).map(([region, { checksumKey }]) => [region, checksumKey]),
    );
    return {
      ...local,
      DIRECTORY_KEY: secrets.directoryKey,
      OPERATOR_TOKEN: secrets.operatorToken,
      API_KEY_CHECKSUM_KEYS: JSON.stringify(checksumKeys),
      AUDIT_PUBLIC_KEYS: JSON.stringify(auditPublicKeys(secrets)),
    };
  }
  const { sessionKeys, checksumKey, dataKeys, hashKey, auditSealingKeys, auditSigningKey } =
    secrets.regions[regionOf(name)];
  return {
    ...local,
    DIRECTORY_KEY: secrets.directoryKey,
    SESSION_KEYS: JSON.stringify(sessionKeys),
    API_KEY_CHECKSUM_KEY: checksumKey,
    DATA_KEYS: JSON.stringify(dataKeys),
    HASH_KEY: hashKey,
    AUDIT_SEALING_KEYS: JSON.stringify(auditSealingKeys),
    AUDIT_SIGNING_KEY: JSON.stringify(auditSigningKey),
    AUDIT_PUBLIC_KEYS: JSON.stringify(auditPublicKeys(secrets)),
    CHECKPOINT_SECONDS: "2",
    UPSTREAM_TIMEOUT_MS: "2000",
  };
}

/** The public part of what each region opens audit messages with, as the edge has it. */
function auditPublicKeys({ regions }: LocalSecrets) {
  return Object.fromEntries(
    Object.entries(regions).map(([region, { auditSealingKeys }]) => {
      const [newest] = auditSealingKeys;
      if (newest === undefined) throw new Error(`${region} has no key to seal audit messages to`);
      const { kty, crv, x, kid } = newest;
      return [region, { kty, crv, x, kid }];
    }),
  );
}

function regionOf(name: WorkerName): Region {
  return name.slice("domicile-".length) as Region;
}

/** Miniflare would end this process on a signal, at once: before Postgres is stopped. */
function withoutItsSignalHandlers(make: () => Miniflare): Miniflare {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const before = signals.map((signal) => process.listeners(signal));
  const made = make();
  for (const [at, signal] of signals.entries()) {
    for (const listener of process.listeners(signal))
      if (before[at]?.includes(listener) !== true) process.removeListener(signal, listener);
  }
  return made;
}

/** The runtimes that this process has started: children named workerd. */
function runtimes(): number[] {
  return processes()
    .filter(({ parent, command }) => parent === process.pid && /workerd(\.exe)? serve/.test(command))
    .map(({ pid }) => pid);
}
