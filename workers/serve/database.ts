import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres from "postgres";

/** A database for one invocation. */
export type Database = PostgresJsDatabase;

/**
 * Runs `work` with a connection of its own and closes it, after the answer where `waitUntil` is given. A client for each
 * invocation is what Hyperdrive wants (https://developers.cloudflare.com/hyperdrive/examples/connect-to-postgres/postgres-drivers-and-libraries/postgres-js/);
 * its pool is on the other side. `connect_timeout` bounds how long a database that is away can hold a request, in seconds.
 */
export function withDatabase<T>(
  hyperdrive: Hyperdrive,
  work: (database: Database) => Promise<T>,
  waitUntil?: (promise: Promise<unknown>) => void,
): Promise<T> {
  return withClient(hyperdrive, (client) => work(drizzle(client)), waitUntil);
}

/** The same with the driver alone, for statements that a query builder has no words for. */
export async function withClient<T>(
  hyperdrive: Hyperdrive,
  work: (client: postgres.Sql) => Promise<T>,
  waitUntil?: (promise: Promise<unknown>) => void,
): Promise<T> {
  const client = postgres(hyperdrive.connectionString, {
    max: 5,
    fetch_types: false,
    connect_timeout: 3,
    onnotice: () => undefined,
    connection: { application_name: "domicile" },
  });
  try {
    return await work(client);
  } finally {
    const closed = client.end({ timeout: 1 });
    if (waitUntil) waitUntil(closed);
    else await closed;
  }
}

/** Whether an error says that Postgres cannot be reached or takes no work, so that trying later makes sense. */
export function isDatabaseAway(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    const code = (current as { code?: unknown }).code;
    if (typeof code === "string" && (awayCodes.has(code) || /^(?:08|53|57P)/.test(code))) return true;
    if (awayMessage.test(current.message)) return true;
  }
  return false;
}

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
