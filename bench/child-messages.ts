import type { ChildProcess } from "node:child_process";

/** The child process did not send the message in time. */
export class LateMessageError extends Error {
  override readonly name = "LateMessageError";
}

/**
 * The next message of a kind from a forked child process; others are ignored. Rejects with `LateMessageError` after
 * `withinMs` milliseconds, and with another error if the process ends before.
 */
export function nextMessage<Message extends { readonly kind: string }, Kind extends Message["kind"]>(
  child: ChildProcess,
  kind: Kind,
  withinMs: number,
): Promise<Extract<Message, { readonly kind: Kind }>> {
  const script = child.spawnargs.at(-1);
  return new Promise((resolve, reject) => {
    const stopListening = (): void => {
      clearTimeout(timer);
      child.off("exit", onExit);
      child.off("message", onMessage);
    };
    const fail = (error: Error): void => {
      stopListening();
      reject(error);
    };
    const onExit = (code: number | null, signal: string | null): void =>
      fail(new Error(`${script} ended with ${signal ?? `code ${code}`}`));
    const onMessage = (message: Message): void => {
      if (message.kind !== kind) return;
      stopListening();
      resolve(message as Extract<Message, { readonly kind: Kind }>);
    };
    const timer = setTimeout(
      () => fail(new LateMessageError(`${script} did not report "${kind}" within ${withinMs / 1000} s`)),
      withinMs,
    );
    child.on("message", onMessage);
    child.once("exit", onExit);
  });
}
