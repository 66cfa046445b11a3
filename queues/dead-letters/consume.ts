import { deadLetterSchema, type DeadLetter } from "../../schema/dead-letter.ts";
import { deadLetterOf } from "./send.ts";

/** Resolves when the letters are stored; the same letter twice is stored once. */
export type KeepDeadLetters = (letters: readonly DeadLetter[]) => Promise<void>;

/** Seconds until letters that could not be stored are tried again, at most: with a hundred retries, as long as the queue keeps them. */
const maximumDelaySeconds = 3600;

/**
 * Stores dead letters, sealed as they are, where an operator finds them, and raises an alert for each. They come from a consumer that
 * gave up on one, or from the queue itself when a message had used up its retries.
 */
export async function consumeDeadLetters(batch: MessageBatch, keep: KeepDeadLetters): Promise<void> {
  const letters = batch.messages.map((message) => {
    const parsed = deadLetterSchema.safeParse(message.body);
    return parsed.success ? parsed.data : deadLetterOf(message, batch.queue.replace(/-dead$/, ""), "retries_used_up");
  });
  try {
    await keep(letters);
  } catch (error) {
    const name = error instanceof Error ? error.name : typeof error;
    console.error(JSON.stringify({ level: "error", event: "dead_letters.not_kept", queue: batch.queue, error: name }));
    for (const message of batch.messages)
      message.retry({ delaySeconds: Math.min(15 * 2 ** Math.min(message.attempts, 10), maximumDelaySeconds) });
    return;
  }
  for (const { id, queue, reason } of letters)
    console.error(JSON.stringify({ level: "error", event: "dead_letter", queue, id, reason }));
  batch.ackAll();
}
