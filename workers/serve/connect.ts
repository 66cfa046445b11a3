import postgres from "postgres";

/** Seconds after which an unused connection is closed: a Durable Object with an open connection is never evicted. */
const idleSeconds = 5;

/**
 * A client for a database, which connects on first use. `max`: the most connections it opens. `connect_timeout` bounds how long a
 * database that does not respond can hold a request, in seconds.
 */
export function connect(hyperdrive: Hyperdrive, max: number): postgres.Sql {
  return postgres(hyperdrive.connectionString, {
    max,
    fetch_types: false,
    connect_timeout: 3,
    idle_timeout: idleSeconds,
    onnotice: () => undefined,
    connection: { application_name: "domicile" },
  });
}
