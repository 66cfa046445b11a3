import type postgres from "postgres";
import { databaseOn, type Database } from "./drizzle.ts";
import type { Invocation } from "./invocation.ts";
import { inTransaction, type TransactionOptions, type TransactionResult, type TransactionWork } from "./transaction.ts";

/** Runs `work` with a database through Drizzle. Each statement is a transaction of its own. */
export function withDatabase<T>(
  hyperdrive: Hyperdrive,
  work: (database: Database) => Promise<T>,
  invocation: Invocation,
): Promise<T> {
  return invocation.withClient(hyperdrive, (client) => work(databaseOn(client)));
}

/** The same with the driver alone, for statements that the query builder cannot express. */
export function withClient<T>(
  hyperdrive: Hyperdrive,
  work: (client: postgres.Sql) => Promise<T>,
  invocation: Invocation,
): Promise<T> {
  return invocation.withClient(hyperdrive, work);
}

/** Runs one transaction through Drizzle. Statements that `work` returns unsent travel in one flight: see `TransactionWork`. */
export function withTransaction<const R extends TransactionWork>(
  hyperdrive: Hyperdrive,
  options: TransactionOptions,
  work: (tx: Database) => R,
  invocation: Invocation,
): Promise<TransactionResult<R>> {
  return withSqlTransaction(hyperdrive, options, (sql) => work(databaseOn(sql)), invocation);
}

/** The same with the driver alone. */
export function withSqlTransaction<const R extends TransactionWork>(
  hyperdrive: Hyperdrive,
  options: TransactionOptions,
  work: (sql: postgres.ISql) => R,
  invocation: Invocation,
): Promise<TransactionResult<R>> {
  return invocation.withClient(hyperdrive, (client) => inTransaction(client, options, work));
}
