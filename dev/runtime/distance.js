// A Worker of this machine only, between a Worker and one in another location: it passes each call on after a delay.
import { WorkerEntrypoint } from "cloudflare:workers";

/** Its bindings: `TARGET`, the Worker that is called, and `DELAY_MS`, the time of a round trip in milliseconds. */
export default class Distance extends WorkerEntrypoint {
  /**
   * @param {ExecutionContext} context
   * @param {{ TARGET: Record<PropertyKey, Function>, DELAY_MS: number }} env
   */
  constructor(context, env) {
    super(context, env);
    return new Proxy(this, {
      get: (entrypoint, name) =>
        name === "fetch" || !Reflect.has(entrypoint, name)
          ? async (...parameters) => {
              await new Promise((elapsed) => setTimeout(elapsed, env.DELAY_MS));
              return env.TARGET[name](...parameters);
            }
          : Reflect.get(entrypoint, name),
    });
  }
}
