import { sql } from "drizzle-orm";
import { withDatabase, type Database } from "../serve/database.ts";

/** A transaction in which row-level security shows one customer, or one principal. */
export type Transaction = Parameters<Parameters<Database["transaction"]>[0]>[0];

type WaitUntil = (promise: Promise<unknown>) => void;

/** Runs `work` in a transaction that sees and writes the rows of one customer only. */
export function asCustomer<T>(
  env: RegionEnv,
  customerId: string,
  waitUntil: WaitUntil,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return scoped(env, "app.customer_id", customerId, waitUntil, work);
}

/** Runs `work` in a transaction that sees the rows of one principal only, and writes nothing: for its Gate. */
export function asGateOf<T>(
  env: RegionEnv,
  principalId: string,
  waitUntil: WaitUntil,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return scoped(env, "app.principal_id", principalId, waitUntil, work);
}

function scoped<T>(
  env: RegionEnv,
  setting: string,
  value: string,
  waitUntil: WaitUntil,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return withDatabase(
    env.DB,
    (database) =>
      database.transaction(async (tx) => {
        await tx.execute(sql`select set_config(${setting}, ${value}, true)`);
        return work(tx);
      }),
    waitUntil,
  );
}
