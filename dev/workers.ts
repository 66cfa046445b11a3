import { join } from "node:path";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import type { Region } from "../schema/regions.ts";
import { bundle, root, workerConfigs, type WorkerName } from "./bundle.ts";
import type { Consumption } from "./consumption.ts";
import { queueDelay, withDistance, type Network, type ServiceBinding } from "./distance.ts";
import { loopback, portState } from "./free-port.ts";
import type { Consumer } from "./queues/local-queue.ts";
import { localQueue } from "./queues/plugin.ts";
import { queueHeaders } from "./queues/server.ts";
import type { LocalSecrets } from "./secrets.ts";

/** What the Workers of one machine need. JSON: it is sent to the process that runs them. */
export interface WorkersOptions {
  /** Which of them to start: those that share a workerd. */
  readonly names: readonly WorkerName[];
  readonly port: number;
  /** Connection strings, by Worker and Hyperdrive binding. */
  readonly databases: Readonly<Record<WorkerName, Readonly<Record<string, string>>>>;
  readonly secrets: LocalSecrets;
  /** Variables of every Worker that differ from its configuration. */
  readonly variables: Readonly<Record<string, string>>;
  /** Where the queues listen, as `127.0.0.1:1234`. */
  readonly queues: string;
  /** Modules that Workers start from instead of their configured ones, relative to the project's folder. */
  readonly entries: Readonly<Partial<Record<WorkerName, string>>>;
  readonly network: Network;
}

interface DirectSocket {
  readonly host: string;
  readonly port: number;
  readonly serviceName: WorkerName;
}

/** Workers in the format of Miniflare 4, and the queues that they consume. */
export interface DescribedWorkers {
  readonly workers: readonly object[];
  readonly consumptions: readonly Consumption[];
}

/** Bundles Workers and describes them for Miniflare. The edge, if it is among them, listens on `port` of `localhost` without a proxy in front. */
export async function describeWorkers(options: WorkersOptions): Promise<DescribedWorkers> {
  const { names, entries } = options;
  const scripts = await Promise.all(names.map((name) => bundle(name, entries[name])));
  const sockets = names.includes("domicile-edge") ? await directSockets(options.port) : [];
  const described = names.map((name, at) => workerOptions(name, scripts[at] ?? "", sockets[at] ?? [], options));
  return {
    workers: described.flatMap(({ worker, between }) => [worker, ...between]),
    consumptions: described.flatMap(({ consumptions }) => consumptions),
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
  const databases = options.databases[name];
  const { queueProducers, queueConsumers, serviceBindings = {}, ...declared } = readBindings(name, databases);
  const services = withDistance(name, serviceBindings, options.network);
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
      options: {
        address: options.queues,
        headers: queueHeaders(queueName, queueDelay(name, queueName, options.network)),
      },
    })),
    serviceBindings: services.bindings,
    hyperdrives: databases,
    unsafeDirectSockets: sockets,
  };
  const consumptions = Object.entries(queueConsumers ?? {}).map(([queue, consumer]) => ({
    worker: name,
    queue,
    consumer,
  }));
  return { worker, between: services.workers, consumptions };
}

/** What wrangler makes of a configuration, as far as this file looks into it. */
interface Declared extends Record<string, unknown> {
  readonly queueProducers?: Readonly<Record<string, { readonly queueName: string }>>;
  readonly queueConsumers?: Readonly<Record<string, Consumer>>;
  readonly serviceBindings?: Readonly<Record<string, ServiceBinding>>;
}

/** A Worker's bindings as its configuration declares them. Wrangler wants connection strings in the environment, and to be quiet. */
function readBindings(name: WorkerName, databases: Record<string, string>): Declared {
  process.env["WRANGLER_LOG"] = "error";
  for (const [binding, url] of Object.entries(databases)) {
    process.env[`CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_${binding}`] = url;
  }
  return unstable_getMiniflareWorkerOptions(join(root, workerConfigs[name])).workerOptions;
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
    REFUSAL_WINDOW_SECONDS: "3",
    WEBHOOK_OVERDUE_SECONDS: "3",
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
