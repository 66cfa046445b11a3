import type { AuditMessage } from "../../schema/audit/message.ts";

/** Messages that wait in the object's own SQLite, oldest first: sealed, as the queue would have had them. */
export class Outbox {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("create table if not exists outbox (id text primary key, message text not null) without rowid");
  }

  /** Keeps a message; keeping it twice is keeping it once. */
  keep(message: AuditMessage): void {
    this.#sql.exec("insert or ignore into outbox values (?, ?)", message.id, JSON.stringify(message));
  }

  /** The oldest messages, `limit` at most. Ids sort by time. */
  oldest(limit: number): AuditMessage[] {
    const rows = this.#sql.exec<{ message: string }>("select message from outbox order by id limit ?", limit).toArray();
    return rows.map(({ message }) => JSON.parse(message) as AuditMessage);
  }

  /** Forgets a message that has found its way. */
  forget(id: string): void {
    this.#sql.exec("delete from outbox where id = ?", id);
  }

  /** How many wait. */
  get size(): number {
    return this.#sql.exec<{ waiting: number }>("select count(*) as waiting from outbox").one().waiting;
  }
}
