import type { CourierObject } from "../../../durable-objects/courier/courier.ts";
import { objectIn } from "../../../durable-objects/jurisdiction.ts";
import { settingsOf } from "../settings.ts";

/** The Courier of an endpoint in this region. */
export function courierOf(env: RegionEnv, endpointId: string): DurableObjectStub<CourierObject<RegionEnv>> {
  const { region, environment } = settingsOf(env);
  const namespace = env.COURIER as unknown as DurableObjectNamespace<CourierObject<RegionEnv>>;
  return objectIn(namespace, region, endpointId, environment);
}
