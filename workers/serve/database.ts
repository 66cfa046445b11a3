import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres from "postgres";

/** A database for one invocation. */
export type Database = PostgresJsDatabase;

/**
 * Runs `work` with a connection and closes it; with the invocation's own, closed behind the answer, where `waitUntil` is given. A client for
 * each invocation is what Hyperdrive wants (https://developers.cloudflare.com/hyperdrive/examples/connect-to-postgres/postgres-drivers-and-libraries/postgres-js/);
 * its pool is on the other side. `connect_timeout` bounds how long a database that is away can hold a request, in seconds.
 */
export function withDatabase<T>(
  hyperdrive: Hyperdrive,
  work: (database: Database) => Promise<T>,
  waitUntil?: WaitUntil,
): Promise<T> {
  return withConnection("drizzle", hyperdrive, (client) => work(drizzle(client)), waitUntil);
}

/** The same with the driver alone, for statements that a query builder has no words for. */
export function withClient<T>(
  hyperdrive: Hyperdrive,
  work: (client: postgres.Sql) => Promise<T>,
  waitUntil?: WaitUntil,
): Promise<T> {
  return withConnection("driver", hyperdrive, work, waitUntil);
}

/** Who uses a client: Drizzle changes how the one that it is given reads and writes times, so that nobody else can use it. */
type User = "drizzle" | "driver";

async function withConnection<T>(
  user: User,
  hyperdrive: Hyperdrive,
  work: (client: postgres.Sql) => Promise<T>,
  waitUntil: WaitUntil | undefined,
): Promise<T> {
  if (waitUntil !== undefined) return withShared(user, hyperdrive, work, waitUntil);
  const client = connect(hyperdrive, 5);
  try {
    return await work(client);
  } finally {
    await client.end({ timeout: 1 });
  }
}

type WaitUntil = (promise: Promise<unknown>) => void;

interface Shared {
  readonly client: postgres.Sql;
  users: number;
}

/** Clients by invocation, which its `waitUntil` stands for, and by user and database. */
const shared = new WeakMap<WaitUntil, Map<string, Shared>>();
/** How long a client that nobody uses waits for the invocation's next work, in milliseconds. */
const lingerMs = 25;

/** One client for all that an invocation does with a database: connecting costs more than most of what is asked. Closed behind the answer. */
async function withShared<T>(
  user: User,
  hyperdrive: Hyperdrive,
  work: (client: postgres.Sql) => Promise<T>,
  waitUntil: WaitUntil,
): Promise<T> {
  const own = shared.get(waitUntil) ?? new Map<string, Shared>();
  shared.set(waitUntil, own);
  const name = `${user} ${hyperdrive.connectionString}`;
  const used = own.get(name) ?? { client: connect(hyperdrive, 5), users: 0 };
  own.set(name, used);
  used.users += 1;
  try {
    return await work(used.client);
  } finally {
    used.users -= 1;
    if (used.users === 0) waitUntil(closeIfUnused(own, name, used));
  }
}

async function closeIfUnused(own: Map<string, Shared>, name: string, used: Shared): Promise<void> {
  await new Promise((lingered) => {
    setTimeout(lingered, lingerMs);
  });
  if (used.users > 0 || own.get(name) !== used) return;
  own.delete(name);
  await used.client.end({ timeout: 1 });
}

/** Seconds after which a connection that nobody uses is closed: an object with an open one is never put to sleep. */
const idleSeconds = 5;

function connect(hyperdrive: Hyperdrive, max: number): postgres.Sql {
  return postgres(hyperdrive.connectionString, {
    max,
    fetch_types: false,
    connect_timeout: 3,
    idle_timeout: idleSeconds,
    onnotice: () => undefined,
    connection: { application_name: "domicile" },
  });
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
