import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type postgres from "postgres";
import type { Invocation } from "./invocation.ts";

/** A database for one invocation. */
export type Database = PostgresJsDatabase;

/** Runs `work` with the invocation's database, through Drizzle. */
export function withDatabase<T>(
  hyperdrive: Hyperdrive,
  work: (database: Database) => Promise<T>,
  invocation: Invocation,
): Promise<T> {
  return invocation.withClient("drizzle", hyperdrive, (client) => work(drizzle(client)));
}

/** The same with the driver alone, for statements that the query builder cannot express. */
export function withClient<T>(
  hyperdrive: Hyperdrive,
  work: (client: postgres.Sql) => Promise<T>,
  invocation: Invocation,
): Promise<T> {
  return invocation.withClient("driver", hyperdrive, work);
}
