import { errors, type Dispatcher } from "undici";

/** A request that both stacks understand, and the status of success. */
export interface BenchRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** JSON text. */
  readonly body?: string;
  readonly expectedStatus: number;
}

/** What came of a request: the body of an expected response, or why there is none, in a word or a status. */
export type Outcome =
  | { readonly ok: true; readonly body: string }
  | { readonly ok: false; readonly reason: string; readonly status: number | null };

/**
 * Options of an undici client whose requests fail after so long without a response, or without more of it. undici
 * checks every 500 ms.
 */
export function clientOptions(timeoutMs: number) {
  return { headersTimeout: timeoutMs, bodyTimeout: timeoutMs, connect: { timeout: timeoutMs } };
}

/** Sends a request; never rejects. */
export async function send(dispatcher: Dispatcher, token: string, request: BenchRequest): Promise<Outcome> {
  const { method, path, body, expectedStatus } = request;
  const headers: Record<string, string> = { authorization: `Bearer ${token}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  try {
    const response = await dispatcher.request({ method, path, headers, ...(body !== undefined && { body }) });
    const text = await response.body.text();
    const { statusCode: status } = response;
    return status === expectedStatus ? { ok: true, body: text } : { ok: false, reason: String(status), status };
  } catch (error) {
    return { ok: false, reason: reasonOf(error), status: null };
  }
}

function reasonOf(error: unknown): string {
  const timedOut = [errors.HeadersTimeoutError, errors.BodyTimeoutError, errors.ConnectTimeoutError];
  if (timedOut.some((kind) => error instanceof kind)) return "timeout";
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
}

/** Counts of failures by reason. */
export class Failures {
  readonly #counts = new Map<string, number>();

  add(reason: string, count = 1): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + count);
  }

  addAll(others: Failures): void {
    for (const [reason, count] of others.#counts) this.add(reason, count);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** For example "503: 12, timeout: 3". */
  describe(): string {
    return [...this.#counts].map(([reason, count]) => `${reason}: ${count}`).join(", ");
  }
}
