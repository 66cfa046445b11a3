import type postgres from "postgres";
import { withSqlTransaction, withTransaction } from "../serve/database.ts";
import type { Database } from "../serve/drizzle.ts";
import type { Invocation } from "../serve/invocation.ts";
import type { TransactionResult, TransactionWork } from "../serve/transaction.ts";

/** A transaction in which row-level security shows one customer, or one principal. */
export type Transaction = Database;

/** The same of the driver alone. */
export type TransactionSql = postgres.ISql;

/**
 * Runs `work` in a transaction that sees and writes the rows of one customer only. Statements that `work` returns unsent travel in one
 * flight: see `TransactionWork`.
 */
export function asCustomer<const R extends TransactionWork>(
  env: RegionEnv,
  customerId: string,
  invocation: Invocation,
  work: (tx: Transaction) => R,
): Promise<TransactionResult<R>> {
  return withTransaction(env.DB, ofCustomer(customerId), work, invocation);
}

/** The same with the driver alone, for statements that the query builder cannot express. */
export function asCustomerSql<const R extends TransactionWork>(
  env: RegionEnv,
  customerId: string,
  invocation: Invocation,
  work: (sql: TransactionSql) => R,
): Promise<TransactionResult<R>> {
  return withSqlTransaction(env.DB, ofCustomer(customerId), work, invocation);
}

/** Runs `work` in a transaction that sees the rows of one principal only, and writes nothing: for its Gate. */
export function asGateOf<const R extends TransactionWork>(
  env: RegionEnv,
  principalId: string,
  invocation: Invocation,
  work: (tx: Transaction) => R,
): Promise<TransactionResult<R>> {
  return withTransaction(env.DB, { readOnly: true, settings: { "app.principal_id": principalId } }, work, invocation);
}

/** The settings that row-level security goes by. */
export function ofCustomer(customerId: string): { settings: Record<string, string> } {
  return { settings: { "app.customer_id": customerId } };
}
