/** Logs an error as one line of JSON. Of a thrown value only the name is logged: its message may hold what must not leave the jurisdiction. */
export function logError(event: string, facts: object, thrown?: unknown): void {
  const error = thrown instanceof Error ? thrown.name : typeof thrown;
  console.error(JSON.stringify({ level: "error", event, ...facts, ...(thrown !== undefined && { error }) }));
}
