import type { Result } from "./policy.ts";

/**
 * Results of tries that Postgres does not have yet. In memory while Postgres takes them, a moment later; in the object's own SQLite when it does
 * not, so that nothing is posted again because Postgres was away. One for each delivery at most: none is tried again before its result is written.
 */
export class Results {
  readonly #sql: SqlStorage;
  readonly #waiting: Map<string, Result>;
  /** Those that are in SQLite, as they are there. */
  readonly #spilled: Map<string, Result>;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("create table if not exists results (delivery text primary key, result text not null) without rowid");
    const rows = sql.exec<{ delivery: string; result: string }>("select delivery, result from results").toArray();
    this.#spilled = new Map(rows.map(({ delivery, result }) => [delivery, JSON.parse(result) as Result]));
    this.#waiting = new Map(this.#spilled);
  }

  /** Deliveries that have a result here. */
  get ids(): ReadonlySet<string> {
    return new Set(this.#waiting.keys());
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Keeps a result. */
  keep(result: Result): void {
    this.#waiting.set(result.deliveryId, result);
  }

  /** Results, `limit` at most, the oldest first. */
  take(limit: number): Result[] {
    return [...this.#waiting.values()].slice(0, limit);
  }

  /** Forgets results that are written. */
  forget(results: readonly Result[]): void {
    for (const { deliveryId } of results) {
      this.#waiting.delete(deliveryId);
      if (this.#spilled.delete(deliveryId)) this.#sql.exec("delete from results where delivery = ?", deliveryId);
    }
  }

  /** Makes durable here what Postgres does not take. */
  spill(): void {
    for (const [deliveryId, result] of this.#waiting) {
      if (this.#spilled.get(deliveryId) === result) continue;
      this.#sql.exec("insert or replace into results values (?, ?)", deliveryId, JSON.stringify(result));
      this.#spilled.set(deliveryId, result);
    }
  }
}
