import type { WorkerdStructuredLog } from "miniflare";

/** A log entry of a Worker as one line: RFC 3339 time in UTC with milliseconds, level, message with control characters escaped. */
export function formatLogLine({ timestamp, level, message }: WorkerdStructuredLog): string {
  const escaped = message.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (character) =>
    JSON.stringify(character)
      .slice(1, -1)
      .replace(character, `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`),
  );
  return `${new Date(timestamp).toISOString()} [${level}] ${escaped}`;
}
