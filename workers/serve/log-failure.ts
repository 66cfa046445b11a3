/** What a log line may say of a failed request: ids, codes and names, nothing of its content. */
export interface FailureContext {
  readonly worker: string;
  readonly requestId: string;
  /** The operation's name, never the path. */
  readonly operation: string;
}

/** Logs a failure in one line of JSON. Of the error only class names and database codes: messages may quote values. */
export function logFailure(error: unknown, context: FailureContext): void {
  console.error(JSON.stringify({ level: "error", event: "request.failed", ...context, error: describe(error) }));
}

function describe(error: unknown): string {
  const chain: string[] = [];
  for (let current = error; current instanceof Error && chain.length < 5; current = current.cause) {
    const code = (current as { code?: unknown }).code;
    chain.push(typeof code === "string" ? `${current.name}(${code})` : current.name);
  }
  return chain.length > 0 ? chain.join(" < ") : typeof error;
}
