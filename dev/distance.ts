import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Region } from "../schema/regions.ts";
import { root, type WorkerName } from "./bundle.ts";

/** How far apart the locations of a platform on one machine are. It may be changed until the Workers start. */
export interface Network {
  /** The round trip between two locations, in milliseconds: each call that leaves a location takes so much longer. 0: no delay. */
  distanceMs: number;
}

/** Where the Workers run. A user whose home is `us` enters at home, one whose home is `eu` enters abroad. */
const locations: Readonly<Record<WorkerName, Region>> = {
  "domicile-edge": "us",
  "domicile-global": "us",
  "domicile-us": "us",
  "domicile-eu": "eu",
};

/** A service binding as wrangler describes it. */
export interface ServiceBinding {
  readonly name: WorkerName;
  readonly entrypoint?: string;
}

type ServiceBindings = Readonly<Record<string, ServiceBinding>>;

/**
 * The service bindings of a Worker with those that leave its location led through Workers that delay each call, and these Workers,
 * named after the one that they lead to.
 */
export function withDistance(worker: WorkerName, bindings: ServiceBindings, { distanceMs }: Network) {
  const leaving = Object.entries(bindings).filter(
    ([, { name }]) => distanceMs > 0 && locations[name] !== locations[worker],
  );
  const contents = readFileSync(join(root, "dev/runtime/distance.js"), "utf8");
  const workers = leaving.map(([binding, target]) => ({
    name: delayName(worker, binding),
    modules: [{ type: "ESModule" as const, path: "distance.js", contents }],
    compatibilityDate: "2026-10-01",
    bindings: { DELAY_MS: distanceMs },
    serviceBindings: { TARGET: target },
  }));
  const redirected = leaving.map(([binding]) => [binding, delayName(worker, binding)] as const);
  return { bindings: { ...bindings, ...Object.fromEntries(redirected) }, workers };
}

/** The delay before a queue takes a message of a Worker, in milliseconds. A queue of a region is in its location. */
export function queueDelay(worker: WorkerName, queue: string, { distanceMs }: Network): number {
  return queue.replace(/-dead$/, "").endsWith(`-${locations[worker]}`) ? 0 : distanceMs;
}

function delayName(worker: WorkerName, binding: string): string {
  return `${worker}-to-${binding.toLowerCase().replaceAll("_", "-")}`;
}
