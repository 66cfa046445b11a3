import postgres from "postgres";
import { sendInOneFlight } from "./one-flight.ts";

/** Seconds after which an unused connection is closed. */
const defaultIdleSeconds = 5;

/** Where a database is: a Hyperdrive binding. */
export interface DatabaseBinding {
  readonly connectionString: string;
}

/**
 * A client for a database, which connects on first use. `max`: the most connections it opens. `connect_timeout` bounds how long a
 * database that does not respond can hold a request, in seconds.
 */
export function connect(binding: DatabaseBinding, max: number, idleSeconds: number = defaultIdleSeconds): postgres.Sql {
  const client = postgres(binding.connectionString, {
    max,
    fetch_types: false,
    connect_timeout: 3,
    idle_timeout: idleSeconds,
    onnotice: () => undefined,
    connection: { application_name: "domicile" },
    types: { json },
  });
  sendInOneFlight(client);
  return client;
}

/**
 * How `json` (OID 114) and `jsonb` (OID 3802) are written: a string is JSON text already, as Drizzle makes it. The driver's own serializer
 * would quote it a second time, but only once it knows the parameter's type.
 */
const json: postgres.PostgresType = {
  to: 114,
  from: [114, 3802],
  serialize: (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value)),
  parse: (text: string): unknown => JSON.parse(text),
};
