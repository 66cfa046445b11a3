/** Whether an error says that Postgres cannot be reached or takes no work, so that trying again later makes sense. */
export function isDatabaseUnavailable(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code, severity } = current as { code?: unknown; severity?: unknown };
    // What is fatal has ended the connection, or refused it: whatever the code, no statement is at fault.
    if (severity === "FATAL" || severity === "PANIC") return true;
    if (typeof code === "string" && (unavailableCodes.has(code) || unavailableStates.test(code))) return true;
    if (unavailableMessage.test(current.message)) return true;
  }
  return false;
}

/** SQLSTATE classes: connection exception, insufficient resources, operator intervention, system error (as Hyperdrive reports its own). */
const unavailableStates = /^(?:08|53|57P|58)/;

const unavailableCodes = new Set([
  "CONNECT_TIMEOUT",
  "CONNECTION_CLOSED",
  "CONNECTION_ENDED",
  "CONNECTION_DESTROYED",
  "ECONNREFUSED",
  "ECONNRESET",
  "ETIMEDOUT",
]);

/** What workerd says of a socket that does not open or breaks; its errors have no code. */
const unavailableMessage =
  /connection attempt failed|proxy request failed|cannot connect to the specified address|stream was cancelled|network connection lost|connection refused/i;

/**
 * Whether an error says that no connection to Postgres could be had, so that none of the work has reached it: of our own connection, or of
 * the pooler's (Hyperdrive's, or the one on this machine).
 */
export function isNotConnected(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code } = current as { code?: unknown };
    if (code === "CONNECT_TIMEOUT" || code === "ECONNREFUSED") return true;
    if (typeof code === "string" && /^(?:53|57P03|08001|08004)/.test(code)) return true;
    if (notConnectedMessage.test(current.message)) return true;
  }
  return false;
}

const notConnectedMessage =
  /connection attempt failed|acquire a connection|proxy request failed|cannot connect to|connection refused/i;
