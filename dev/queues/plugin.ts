import { z } from "zod";

/** The binding's type and the plugin's name, as `unsafeBindings` of a Worker name them. */
export const localQueue = "domicile-local-queue";

const bindingSchema = z.object({
  type: z.literal(`unsafe:${localQueue}`),
  dev: z.object({
    options: z.object({
      address: z.string(),
      /** What the broker is told with each request: `queueHeaders` of a queue. */
      headers: z.record(z.string(), z.string()),
    }),
  }),
});

interface WorkerOptions {
  readonly config: { readonly env?: Readonly<Record<string, unknown>> };
}

/** A Worker's queue bindings, with what they lead to. */
function bindingsOf({ config }: WorkerOptions) {
  return Object.entries(config.env ?? {}).flatMap(([name, binding]) => {
    const parsed = bindingSchema.safeParse(binding);
    return parsed.success ? [{ name, ...parsed.data.dev.options }] : [];
  });
}

function serviceOf(headers: Readonly<Record<string, string>>): string {
  return [localQueue, ...Object.values(headers)].join(":");
}

/**
 * A Miniflare plugin: workerd's own Queue binding, with our broker behind it in place of Miniflare's, which forgets what it holds when
 * workerd ends.
 */
export const plugins = {
  [localQueue]: {
    options: z.unknown(),
    getBindings: (options: WorkerOptions) =>
      bindingsOf(options).map(({ name, headers }) => ({ name, queue: { name: serviceOf(headers) } })),
    getNodeBindings: () => ({}),
    getServices: ({ options }: { readonly options: WorkerOptions }) =>
      bindingsOf(options).map(({ address, headers }) => ({
        name: serviceOf(headers),
        external: {
          address,
          http: { injectRequestHeaders: Object.entries(headers).map(([name, value]) => ({ name, value })) },
        },
      })),
  },
};
