import { sql } from "drizzle-orm";
import type postgres from "postgres";
import { withClient, withDatabase, type Database } from "../serve/database.ts";
import type { Invocation } from "../serve/invocation.ts";

/** A transaction in which row-level security shows one customer, or one principal. */
export type Transaction = Parameters<Parameters<Database["transaction"]>[0]>[0];

/** The same of the driver alone. */
export type TransactionSql = postgres.TransactionSql;

/** Runs `work` in a transaction that sees and writes the rows of one customer only. */
export function asCustomer<T>(
  env: RegionEnv,
  customerId: string,
  invocation: Invocation,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return scoped(env, "app.customer_id", customerId, invocation, work);
}

/** The same with the driver alone, for statements that a query builder has no words for. */
export async function asCustomerSql<T>(
  env: RegionEnv,
  customerId: string,
  invocation: Invocation,
  work: (sql: postgres.TransactionSql) => Promise<T>,
): Promise<T> {
  return withClient(
    env.DB,
    async (client) => {
      const done = await client.begin(async (tx) => {
        await tx`select set_config('app.customer_id', ${customerId}, true)`;
        return { value: await work(tx) };
      });
      return done.value;
    },
    invocation,
  );
}

/** Runs `work` in a transaction that sees the rows of one principal only, and writes nothing: for its Gate. */
export function asGateOf<T>(
  env: RegionEnv,
  principalId: string,
  invocation: Invocation,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return scoped(env, "app.principal_id", principalId, invocation, work);
}

function scoped<T>(
  env: RegionEnv,
  setting: string,
  value: string,
  invocation: Invocation,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return withDatabase(
    env.DB,
    (database) =>
      database.transaction(async (tx) => {
        await tx.execute(sql`select set_config(${setting}, ${value}, true)`);
        return work(tx);
      }),
    invocation,
  );
}
