import type { DeadLetter } from "../../schema/dead-letter.ts";

/** A message as a dead letter: whatever its body is, as text. */
export function deadLetterOf(message: Message, queue: string, reason: string): DeadLetter {
  return { v: 1, kind: "dead_letter", id: message.id, queue, reason, body: textOf(message.body) };
}

function textOf(body: unknown): string {
  if (typeof body === "string") return body;
  if (body instanceof ArrayBuffer) return new TextDecoder().decode(body);
  // What has no JSON, such as undefined, reads as null.
  return JSON.stringify(body) ?? "null";
}
