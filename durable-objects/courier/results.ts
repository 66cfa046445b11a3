import type { Result } from "./policy.ts";

/**
 * Results of tries that Postgres does not have yet, in the object's own SQLite: from the moment of an answer on it is known that it came, so
 * that nothing is posted again because Postgres was away.
 */
export class Results {
  readonly #sql: SqlStorage;
  readonly #ids: Set<string>;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("create table if not exists results (delivery text primary key, result text not null) without rowid");
    this.#ids = new Set(
      sql
        .exec<{ delivery: string }>("select delivery from results")
        .toArray()
        .map((row) => row.delivery),
    );
  }

  /** Deliveries that have a result here. */
  get ids(): ReadonlySet<string> {
    return this.#ids;
  }

  /** Keeps a result; a delivery has one at most, since it is not tried again before it is written. */
  keep(result: Result): void {
    this.#sql.exec("insert or replace into results values (?, ?)", result.deliveryId, JSON.stringify(result));
    this.#ids.add(result.deliveryId);
  }

  /** Results, `limit` at most. */
  take(limit: number): Result[] {
    const rows = this.#sql.exec<{ result: string }>("select result from results limit ?", limit).toArray();
    return rows.map(({ result }) => JSON.parse(result) as Result);
  }

  /** Forgets results that are written. */
  forget(ids: readonly string[]): void {
    for (const id of ids) {
      this.#sql.exec("delete from results where delivery = ?", id);
      this.#ids.delete(id);
    }
  }
}
