import { z } from "zod";

/**
 * The region table. Adding a region is one entry here and one `wrangler.<region>.toml`.
 *
 * `jurisdiction` is what Cloudflare calls the place where a Durable Object is pinned
 * (https://developers.cloudflare.com/durable-objects/reference/data-location/).
 * `serves` decides the home of a new user by the place a request came from.
 */
export const regions = {
  us: { jurisdiction: "us", title: "United States", serves: () => true },
  eu: { jurisdiction: "eu", title: "European Union", serves: isEuropean },
} as const satisfies Record<string, RegionEntry>;

interface RegionEntry {
  readonly jurisdiction: "us" | "eu";
  readonly title: string;
  readonly serves: (place: Place) => boolean;
}

/** Where a request entered: ISO 3166-1 alpha-2 country, when it is known. */
export interface Place {
  readonly country: string | null;
}

/** The name of a region: a key of the region table. */
export type Region = keyof typeof regions;

/** Every region's name, in the order of the table. */
export const regionNames = Object.keys(regions) as [Region, ...Region[]];

/** A zod schema for a region's name. */
export const regionSchema = z.enum(regionNames).meta({ example: "eu" });

/** Whether `value` names a region. */
export function isRegion(value: unknown): value is Region {
  return typeof value === "string" && Object.hasOwn(regions, value);
}

/**
 * The home of a new user: the most specific allowed region that serves the place the request came from, else the
 * customer's default.
 */
export function regionForPlace(place: Place, allowed: readonly Region[], fallback: Region): Region {
  if (place.country === null) return fallback;
  const specific = regionNames.toReversed().find((name) => regions[name].serves(place));
  return specific !== undefined && allowed.includes(specific) ? specific : fallback;
}

/** EU and EEA members, the countries of adequacy-free transfer under GDPR Art. 44 ff. */
const europeanCountries = new Set(
  "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split(" "),
);

function isEuropean(place: Place): boolean {
  return place.country !== null && europeanCountries.has(place.country);
}
