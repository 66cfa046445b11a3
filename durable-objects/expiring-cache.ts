import { LRUCache } from "lru-cache";

/**
 * A bounded map whose entries expire: the one in Workers and objects for what has an age.
 *
 * Hazard: `lru-cache` with `ttl` must not be used there. It reads the clock once and resets that reading by a timer, which dies
 * with the request that set it; from then on its clock stands still and nothing expires. Here each entry stores its own end,
 * which is compared with the caller's clock.
 */
export class ExpiringCache<V extends object | string | number | boolean> {
  readonly #entries: LRUCache<string, { readonly value: V; readonly until: number }>;

  /** `max`: entries kept; the least recently used goes first. */
  constructor(max: number) {
    this.#entries = new LRUCache({ max });
  }

  /** The value, if it has not expired at `now` (epoch milliseconds). */
  get(key: string, now: number): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.until > now) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  /** Keeps a value until `until` (epoch milliseconds, exclusive). */
  set(key: string, value: V, until: number): void {
    this.#entries.set(key, { value, until });
  }

  /** Forgets a value. */
  delete(key: string): void {
    this.#entries.delete(key);
  }
}
