import { z } from "zod";

/** The binding's type and the plugin's name, as `unsafeBindings` of a Worker name them. */
export const localQueue = "domicile-local-queue";

const bindingSchema = z.object({
  type: z.literal(`unsafe:${localQueue}`),
  dev: z.object({
    options: z.object({ queue: z.string(), address: z.string(), header: z.string() }),
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

function serviceOf(queue: string): string {
  return `${localQueue}:${queue}`;
}

/**
 * A Miniflare plugin: workerd's own Queue binding, with our broker behind it in place of Miniflare's, which forgets what it holds when
 * workerd ends.
 */
export const plugins = {
  [localQueue]: {
    options: z.unknown(),
    getBindings: (options: WorkerOptions) =>
      bindingsOf(options).map(({ name, queue }) => ({ name, queue: { name: serviceOf(queue) } })),
    getNodeBindings: () => ({}),
    getServices: ({ options }: { readonly options: WorkerOptions }) =>
      bindingsOf(options).map(({ queue, address, header }) => ({
        name: serviceOf(queue),
        external: { address, http: { injectRequestHeaders: [{ name: header, value: queue }] } },
      })),
  },
};
