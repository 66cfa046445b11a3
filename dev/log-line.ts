import type { WorkerdStructuredLog } from "miniflare";

/** Short escapes for control characters that have one in JSON. */
const shortEscapes = new Map([
  ["\b", "\\b"],
  ["\t", "\\t"],
  ["\n", "\\n"],
  ["\f", "\\f"],
  ["\r", "\\r"],
]);

/**
 * A log entry of a Worker as one line: RFC 3339 time in UTC with milliseconds, level, message. Control characters (U+0000 to U+001F, U+007F
 * to U+009F) and line separators are escaped, so that a message can neither begin another line nor control the terminal.
 */
export function formatLogLine({ timestamp, level, message }: WorkerdStructuredLog): string {
  return `${new Date(timestamp).toISOString()} [${level}] ${message.replaceAll(/[\p{Cc}\u2028\u2029]/gu, escape)}`;
}

function escape(character: string): string {
  return shortEscapes.get(character) ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
