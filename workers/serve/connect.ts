import postgres from "postgres";

/** Seconds after which an unused connection is closed. */
const defaultIdleSeconds = 5;

/** What of a Hyperdrive binding is needed to connect. */
export interface ConnectionSource {
  readonly connectionString: string;
}

/**
 * A client for a database, which connects on first use. `max`: the most connections it opens. `connect_timeout` bounds how long a
 * database that does not respond can hold a request, in seconds.
 */
export function connect(
  hyperdrive: ConnectionSource,
  max: number,
  idleSeconds: number = defaultIdleSeconds,
): postgres.Sql {
  return postgres(hyperdrive.connectionString, {
    max,
    fetch_types: false,
    connect_timeout: 3,
    idle_timeout: idleSeconds,
    onnotice: () => undefined,
    connection: { application_name: "domicile" },
  });
}
