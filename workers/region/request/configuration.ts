import type { Customer } from "../../../schema/config.ts";
import { AppError } from "../../../schema/errors.ts";
import { regionNames, type Region } from "../../../schema/regions.ts";
import { statusIn } from "../../config-cache.ts";
import { settingsOf } from "../settings.ts";

/** Global configuration as one request sees it. */
export interface Configuration {
  /** Null: there is no customer by that id. */
  readonly customer: Customer | null;
  /** Regions that serve no one. */
  readonly closed: ReadonlySet<Region>;
}

/** Seconds after which the users of a closed region may ask again. */
const closedRetrySeconds = 30;

/** The configuration that concerns a customer; 503 if it cannot be read. */
export async function configurationOf(
  customerId: string,
  env: RegionEnv,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<Configuration> {
  const { customer, regions } = await settingsOf(env).config.snapshot(customerId, waitUntil);
  return { customer, closed: new Set(regionNames.filter((region) => statusIn(regions, region) === "closed")) };
}

/** Regions that serve no one, for a request without a customer; 503 if it cannot be read. */
export async function closedRegions(
  env: RegionEnv,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<ReadonlySet<Region>> {
  const { config } = settingsOf(env);
  const statuses = await Promise.all(regionNames.map((region) => config.regionStatus(region, waitUntil)));
  return new Set(regionNames.filter((_, at) => statuses[at] === "closed"));
}

/** Refuses (503) what belongs to a closed region. No other region may serve it. */
export function refuseClosed({ closed }: Pick<Configuration, "closed">, region: Region): void {
  if (closed.has(region)) throw new AppError("region_closed", { retryAfter: closedRetrySeconds });
}
