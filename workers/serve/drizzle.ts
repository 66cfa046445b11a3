import { drizzle, type PgRemoteDatabase } from "drizzle-orm/pg-proxy";
import type postgres from "postgres";

/** A database through Drizzle's query builder. Transactions are `withTransaction`. */
export type Database = Omit<PgRemoteDatabase, "transaction">;

/**
 * Drizzle on a connection of the driver. Its own adapter for postgres.js (`drizzle-orm/postgres-js`) would change how the connection reads
 * and writes times and JSON, so that the driver's other statements could not share it.
 */
export function databaseOn(sql: postgres.ISql): Database {
  return drizzle(async (text, parameters: postgres.SerializableParameter[], method) => {
    const statement = sql.unsafe(text, parameters);
    return { rows: await (method === "execute" ? statement : statement.values()) };
  });
}
