import type postgres from "postgres";
import { connect } from "./connect.ts";
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

/**
 * Runs work with a connection that is kept between one and the next, and closed when nobody has used it for a while. For Durable
 * Objects only: a Worker's request may not use the socket of another.
 */
export function keptClient(hyperdrive: Hyperdrive): <T>(work: (client: postgres.Sql) => Promise<T>) => Promise<T> {
  let kept: postgres.Sql | null = null;
  return async (work) => {
    const client = kept ?? connect(hyperdrive, 1);
    kept = client;
    try {
      return await work(client);
    } catch (error) {
      if (isDatabaseAway(error) && kept === client) {
        kept = null;
        // Broken already: what closing it says is what was said.
        void client.end({ timeout: 0 }).catch(() => undefined);
      }
      throw error;
    }
  };
}

/** Whether an error says that Postgres cannot be reached or takes no work, so that trying again later makes sense. */
export function isDatabaseAway(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code, severity } = current as { code?: unknown; severity?: unknown };
    // What is fatal has ended the connection, or refused it: whatever the code, no statement is at fault.
    if (severity === "FATAL" || severity === "PANIC") return true;
    if (typeof code === "string" && (awayCodes.has(code) || awayStates.test(code))) return true;
    if (awayMessage.test(current.message)) return true;
  }
  return false;
}

/** SQLSTATE classes: connection exception, insufficient resources, operator intervention, system error (as Hyperdrive reports its own). */
const awayStates = /^(?:08|53|57P|58)/;

const awayCodes = new Set([
  "CONNECT_TIMEOUT",
  "CONNECTION_CLOSED",
  "CONNECTION_ENDED",
  "CONNECTION_DESTROYED",
  "ECONNREFUSED",
  "ECONNRESET",
  "ETIMEDOUT",
]);

/** What workerd says of a socket that does not open or breaks; its errors have no code. */
const awayMessage =
  /connection attempt failed|proxy request failed|cannot connect to the specified address|stream was cancelled|network connection lost|connection refused/i;
