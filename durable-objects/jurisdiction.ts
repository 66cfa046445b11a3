import { regions, type Region } from "../schema/regions.ts";

/**
 * The stub of the object `name` of a class, pinned to its region's jurisdiction. The only place where
 * `namespace.jurisdiction()` is called (https://developers.cloudflare.com/durable-objects/reference/data-location/).
 *
 * Local workerd has no jurisdictions and throws. That is forgiven only with `environment` "local", and only after
 * workerd has refused: were "local" deployed by mistake, Cloudflare would not refuse, and the object would still be pinned.
 */
export function objectIn<T extends Rpc.DurableObjectBranded | undefined>(
  namespace: DurableObjectNamespace<T>,
  region: Region,
  name: string,
  environment: string,
): DurableObjectStub<T> {
  return pinned(namespace, region, environment).getByName(name);
}

let refusedByRuntime = false;

function pinned<T extends Rpc.DurableObjectBranded | undefined>(
  namespace: DurableObjectNamespace<T>,
  region: Region,
  environment: string,
): DurableObjectNamespace<T> {
  if (environment === "local" && refusedByRuntime) return namespace;
  try {
    return namespace.jurisdiction(regions[region].jurisdiction);
  } catch (error) {
    if (environment !== "local" || !String(error).includes("not implemented in workerd")) throw error;
    refusedByRuntime = true;
    return namespace;
  }
}
