import type { WorkerdStructuredLog } from "miniflare";
import type { WorkersOptions } from "../workers.ts";
import type { Consumption } from "../consumption.ts";
import type { ProcessIdentity } from "../processes.ts";
import type { DispatcherAddress } from "./dispatch.ts";

/** Options of one Worker in the format of Miniflare 4, as JSON. */
export type PlainWorker = Readonly<Record<string, unknown>> & { readonly name: string };

/** What runs in one workerd: Workers of the platform, and Workers that a test adds. */
export interface HostOptions {
  /** Where objects and buckets are stored. */
  readonly folder: string;
  readonly platform: WorkersOptions | null;
  readonly extra: readonly PlainWorker[];
}

/** What the owner sends to the host. */
export type ToHost = { readonly kind: "start"; readonly options: HostOptions } | { readonly kind: "stop" };

/** A workerd that runs. */
export interface RunningRuntime {
  readonly processes: readonly ProcessIdentity[];
  readonly dispatcher: DispatcherAddress;
  readonly consumptions: readonly Consumption[];
}

/** What the host sends to its owner. `ready` comes again after workerd ended unexpectedly and was started again. */
export type FromHost =
  | { readonly kind: "ready"; readonly runtime: RunningRuntime }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "logs"; readonly entries: readonly WorkerdStructuredLog[] };
