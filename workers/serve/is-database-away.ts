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
