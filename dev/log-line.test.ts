import { expect, it } from "vitest";
import { formatLogLine } from "./log-line.ts";

const timestamp = Date.UTC(2026, 10, 24, 9, 5, 7, 80);

it("begins with the time in UTC with milliseconds, and the level", () => {
  expect(formatLogLine({ timestamp, level: "warn", message: '{"event":"webhooks.swept"}' })).toBe(
    '2026-11-24T09:05:07.080Z [warn] {"event":"webhooks.swept"}',
  );
});

it("keeps a message on one line, whatever line breaks it holds", () => {
  const message = "Error: first\r\n\tat second\u2028third\u2029fourth\u0085fifth";
  expect(formatLogLine({ timestamp, level: "error", message })).toBe(
    "2026-11-24T09:05:07.080Z [error] Error: first\\r\\n\\tat second\\u2028third\\u2029fourth\\u0085fifth",
  );
});

it("escapes what could control a terminal, and nothing else", () => {
  const message = "\u001b[31mred\u0007 \u009b2J del\u007f nul\u0000 naïve ✓ 日本 \\n";
  expect(formatLogLine({ timestamp, level: "log", message })).toBe(
    "2026-11-24T09:05:07.080Z [log] \\u001b[31mred\\u0007 \\u009b2J del\\u007f nul\\u0000 naïve ✓ 日本 \\n",
  );
});
