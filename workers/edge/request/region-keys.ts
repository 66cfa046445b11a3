import { importJWK, type CryptoKey, type JWK } from "jose";
import { z } from "zod";
import { edgeUrl } from "../../../schema/forwarded.ts";
import { isRegion, regionNames, type Region } from "../../../schema/regions.ts";

/** Age at which a region's keys are fetched again, in milliseconds. */
const freshMs = 300_000;
/** The least time between two fetches for keys that are not known, in milliseconds: made-up key ids cost no more. */
const cooldownMs = 10_000;
/** A fetch that has not ended by then belongs to a request that was torn down, in milliseconds. */
const lostMs = 5000;

type WaitUntil = (promise: Promise<unknown>) => void;

interface Held {
  readonly fetchedAt: number;
  readonly jwks: readonly JWK[];
  readonly keys: ReadonlyMap<string, CryptoKey>;
}

const jwksSchema = z.object({ keys: z.array(z.looseObject({ kid: z.string() })) });

/** The public session keys of every region, fetched over the private bindings and kept in memory (RFC 7517). */
export class RegionKeys {
  readonly #workers: Readonly<Record<Region, Fetcher>>;
  readonly #now: () => number;
  readonly #held = new Map<Region, Held>();
  /** Regions that a request is asking, and since when: others do not refresh their keys meanwhile. */
  readonly #fetching = new Map<Region, number>();

  constructor(workers: Readonly<Record<Region, Fetcher>>, now: () => number) {
    this.#workers = workers;
    this.#now = now;
  }

  /** The key `kid` and the region that alone may prove with it; null if no region has published it. */
  async find(kid: string, waitUntil: WaitUntil): Promise<{ key: CryptoKey; region: Region } | null> {
    const region = kid.slice(0, Math.max(0, kid.indexOf("_")));
    if (!isRegion(region)) return null;
    const known = this.#held.get(region)?.keys.get(kid);
    if (known !== undefined) {
      // A failure is logged where it happens; the old keys go on.
      if (this.#ageOf(region) > freshMs && !this.#isBeingFetched(region)) {
        waitUntil(this.#fetch(region).catch(() => undefined));
      }
      return { key: known, region };
    }
    const key = (await this.#current(region)).keys.get(kid);
    return key === undefined ? null : { key, region };
  }

  /** Every region's keys in one set, for clients and upstreams. A region that cannot be asked gives what is held of it. */
  async jwks(): Promise<{ keys: JWK[] }> {
    const sets = await Promise.all(
      regionNames.map((region) =>
        this.#current(region).then(
          (held) => held.jwks,
          () => this.#held.get(region)?.jwks ?? [],
        ),
      ),
    );
    return { keys: sets.flat() };
  }

  /** Keys no older than the cooldown. A request that finds them older fetches them itself and waits for no other. */
  async #current(region: Region): Promise<Held> {
    const held = this.#held.get(region);
    return held !== undefined && this.#ageOf(region) < cooldownMs ? held : this.#fetch(region);
  }

  async #fetch(region: Region): Promise<Held> {
    this.#fetching.set(region, this.#now());
    try {
      const response = await this.#workers[region].fetch(edgeUrl.keys);
      if (!response.ok) throw new Error(`a region answered ${response.status} for its keys`);
      const held = { fetchedAt: this.#now(), ...(await importKeys(region, await response.json())) };
      this.#held.set(region, held);
      return held;
    } catch (error) {
      const name = error instanceof Error ? error.name : typeof error;
      console.warn(JSON.stringify({ level: "warn", event: "region_keys.unreachable", region, error: name }));
      throw error;
    } finally {
      this.#fetching.delete(region);
    }
  }

  #isBeingFetched(region: Region): boolean {
    const since = this.#fetching.get(region);
    return since !== undefined && this.#now() - since < lostMs;
  }

  #ageOf(region: Region): number {
    const held = this.#held.get(region);
    return held === undefined ? Infinity : this.#now() - held.fetchedAt;
  }
}

/** Imports a region's published keys; those that carry another region's name are left out. */
async function importKeys(region: Region, published: unknown): Promise<Omit<Held, "fetchedAt">> {
  const jwks = jwksSchema.parse(published).keys.filter(({ kid }) => kid.startsWith(`${region}_`));
  const keys = await Promise.all(
    jwks.map(async (jwk) => [jwk.kid, (await importJWK(jwk, "EdDSA")) as CryptoKey] as const),
  );
  return { jwks, keys: new Map(keys) };
}
