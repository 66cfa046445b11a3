import { join } from "node:path";
import { z } from "zod";
import { root } from "../bundle.ts";

/** The plugin's name, as `unsafeBindings` of a Worker name it. */
const directOutbound = "domicile-direct-outbound";

/** An entry of `unsafeBindings` of the first Worker: it loads the plugin, and no binding comes of it. */
export const directOutboundBinding = {
  name: "DIRECT_OUTBOUND",
  type: directOutbound,
  plugin: { package: join(root, "dev/runtime/direct-outbound.ts"), name: directOutbound },
  options: {},
};

/** The network as Miniflare has it: every address of the public and of private networks, the loopback included. */
const network = {
  allow: ["public", "private"],
  deny: [],
  tlsOptions: { trustBrowserCas: true, trustedCertificates: [] },
};

interface ServicesOptions {
  readonly workerIndex: number;
  readonly workerNames: readonly string[];
}

/**
 * A Miniflare plugin: what a Worker fetches goes straight to the network. Miniflare puts a Worker of its own in between, which removes
 * `CF-Connecting-IP` and resizes images, and costs more than the request itself. Miniflare makes the services of one Worker after
 * another and keeps the first of each name, so the first Worker names those of the others. It keeps Miniflare's own.
 */
export const plugins = {
  [directOutbound]: {
    options: z.unknown(),
    getBindings: () => [],
    getNodeBindings: () => ({}),
    getServices: ({ workerIndex, workerNames }: ServicesOptions) =>
      workerIndex > 0 ? [] : workerNames.map((_, at) => ({ name: `outbound:${at}`, network })),
  },
};
