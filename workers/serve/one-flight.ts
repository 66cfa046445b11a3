import type postgres from "postgres";

let done = false;

/**
 * Makes postgres.js send a statement with parameters in one flight. By default it first asks the server for the parameters' types
 * (`describeFirst` in its connection.js: Parse, Describe, Flush), waits, and only then binds and executes, unless the same connection has
 * prepared the statement before. A connection here lasts for one invocation, so that would be a second round trip for nearly every statement.
 *
 * Without the types, a parameter is written by its JavaScript type (`Date`, `Uint8Array`, `boolean`, `bigint`) and otherwise as text whose
 * type the server infers. An object must therefore be written as `${JSON.stringify(value)}::text::jsonb`, and an array by `sql(array)`.
 *
 * The driver has no option for this, so the property is overridden for all its queries; test/round-trips.test.ts fails when that stops working.
 */
export function sendInOneFlight(client: postgres.Sql): void {
  if (done) return;
  done = true;
  const query = Object.getPrototypeOf(client``) as object;
  Object.defineProperty(query, "describeFirst", {
    get: () => false,
    set: () => {
      // The driver works it out for each query.
    },
  });
}
