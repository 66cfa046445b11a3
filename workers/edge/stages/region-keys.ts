import { importJWK, type CryptoKey, type JWK } from "jose";
import { z } from "zod";
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

interface Fetching {
  readonly since: number;
  readonly held: Promise<Held>;
}

const jwksSchema = z.object({ keys: z.array(z.looseObject({ kid: z.string() })) });

/** The public session keys of every region, fetched over the private bindings and kept in memory (RFC 7517). */
export class RegionKeys {
  readonly #workers: Readonly<Record<Region, Fetcher>>;
  readonly #now: () => number;
  readonly #held = new Map<Region, Held>();
  readonly #fetching = new Map<Region, Fetching>();

  constructor(workers: Readonly<Record<Region, Fetcher>>, now: () => number) {
    this.#workers = workers;
    this.#now = now;
  }

  /** The key `kid` and the region that alone may prove with it; null if no region has published it. */
  async find(kid: string, waitUntil: WaitUntil): Promise<{ key: CryptoKey; region: Region } | null> {
    const region = kid.slice(0, Math.max(0, kid.indexOf("_")));
    if (!isRegion(region)) return null;
    const held = this.#held.get(region);
    const age = held === undefined ? Infinity : this.#now() - held.fetchedAt;
    const known = held?.keys.get(kid);
    if (known !== undefined) {
      if (age > freshMs) waitUntil(this.#fetch(region, waitUntil).catch(() => null));
      return { key: known, region };
    }
    if (age < cooldownMs) return null;
    const key = (await this.#fetch(region, waitUntil)).keys.get(kid);
    return key === undefined ? null : { key, region };
  }

  /** Every region's keys in one set, for clients and upstreams. A region that cannot be asked gives what is held of it. */
  async jwks(waitUntil: WaitUntil): Promise<{ keys: JWK[] }> {
    const sets = await Promise.all(
      regionNames.map(async (region) => {
        const held = this.#held.get(region);
        if (held !== undefined && this.#now() - held.fetchedAt < cooldownMs) return held.jwks;
        return this.#fetch(region, waitUntil).then(
          (fetched) => fetched.jwks,
          () => held?.jwks ?? [],
        );
      }),
    );
    return { keys: sets.flat() };
  }

  #fetch(region: Region, waitUntil: WaitUntil): Promise<Held> {
    const running = this.#fetching.get(region);
    if (running !== undefined && this.#now() - running.since < lostMs) return running.held;
    const held = this.#fetchNow(region);
    this.#fetching.set(region, { since: this.#now(), held });
    const settled = held.then(
      () => this.#fetching.delete(region),
      (error: unknown) => {
        this.#fetching.delete(region);
        const name = error instanceof Error ? error.name : typeof error;
        console.warn(JSON.stringify({ level: "warn", event: "region_keys.unreachable", region, error: name }));
      },
    );
    waitUntil(settled);
    return held;
  }

  async #fetchNow(region: Region): Promise<Held> {
    const response = await this.#workers[region].fetch("https://region.internal/.well-known/jwks.json");
    if (!response.ok) throw new Error(`a region answered ${response.status} for its keys`);
    const jwks = jwksSchema.parse(await response.json()).keys.filter(({ kid }) => kid.startsWith(`${region}_`));
    const imported = await Promise.all(
      jwks.map(async (jwk) => [jwk.kid, (await importJWK(jwk, "EdDSA")) as CryptoKey] as const),
    );
    const held = { fetchedAt: this.#now(), jwks, keys: new Map(imported) };
    this.#held.set(region, held);
    return held;
  }
}
