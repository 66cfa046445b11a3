import type { AttemptError } from "../../schema/webhooks/delivery.ts";
import { encryptFor, type Recipient } from "./encrypt.ts";
import { signatureHeader, type SigningSecret } from "./sign.ts";

/** A webhook to be posted. */
export interface Webhook {
  readonly url: string;
  /** `webhook-id`: the event's id, the same in every try and for every endpoint. */
  readonly id: string;
  /** `{"type","timestamp","data"}`. */
  readonly payload: Uint8Array<ArrayBuffer>;
  /** Whom it is encrypted to; null: nobody asked for that. */
  readonly recipients: readonly Recipient[] | null;
  readonly secrets: readonly SigningSecret[];
}

/** How a try went. `retryAfterMs` as the receiver asked for it; `excerpt` is the beginning of its answer. */
export interface Posted {
  readonly statusCode: number | null;
  readonly error: AttemptError | null;
  readonly retryAfterMs: number | null;
  readonly excerpt: string | null;
  readonly durationMs: number;
}

/** The most that is read of an answer, and of that kept, in bytes. */
const maximumResponseBytes = 64 * 1024;
const excerptBytes = 1024;
/** How long an answer's body may take after its status, in milliseconds: the status has said what matters. */
const bodyMs = 5000;

/**
 * Posts a webhook (Standard Webhooks): 2xx within `timeoutMs` is success; redirects are not followed. Never rejects for what the endpoint does.
 */
export async function post(webhook: Webhook, timeoutMs: number): Promise<Posted> {
  const { url, id, payload, recipients, secrets } = webhook;
  const body = recipients === null ? payload : await encryptFor(recipients, payload);
  const timestamp = Math.floor(Date.now() / 1000);
  const headers = {
    "content-type": recipients === null ? "application/json" : "application/jose+json",
    "user-agent": "Domicile-Webhooks/1 (+https://www.standardwebhooks.com)",
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": await signatureHeader({ id, timestamp, body }, secrets),
  };
  const began = Date.now();
  // Not AbortSignal.timeout: what that leaves running keeps the object awake, and paid for, long after the answer.
  const giveUp = new AbortController();
  const timer = setTimeout(
    () => giveUp.abort(new DOMException("The endpoint took too long.", "TimeoutError")),
    timeoutMs,
  );
  try {
    const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal: giveUp.signal });
    const durationMs = Date.now() - began;
    const excerpt = await readExcerpt(response);
    const success = response.status >= 200 && response.status < 300;
    const asked = response.status === 429 || response.status === 503 ? response.headers.get("retry-after") : null;
    return {
      statusCode: response.status,
      error: success ? null : errorOfStatus(response.status),
      retryAfterMs: asked === null ? null : readRetryAfter(asked, Date.now()),
      excerpt,
      durationMs,
    };
  } catch (error) {
    const durationMs = Date.now() - began;
    return {
      statusCode: null,
      error: errorOf(error, durationMs >= timeoutMs),
      retryAfterMs: null,
      excerpt: null,
      durationMs,
    };
  } finally {
    clearTimeout(timer);
  }
}

/** Seconds or an HTTP date (RFC 9110 §10.2.3), in milliseconds from `now`; null for anything else. */
export function readRetryAfter(text: string, now: number): number | null {
  const trimmed = text.trim();
  if (/^\d{1,9}$/.test(trimmed)) return Number(trimmed) * 1000;
  const date = /^[A-Z][a-z]{2,8},? /.test(trimmed) ? Date.parse(trimmed) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

/** Statuses by which Cloudflare says that it got no answer (https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/). */
const noAnswer = new Map<number, AttemptError>([
  [521, "connect"],
  [522, "connect"],
  [523, "connect"],
  [524, "timeout"],
  [525, "tls"],
  [526, "tls"],
  [530, "dns"],
]);

/** The class of a status that is no success. */
export function errorOfStatus(status: number): AttemptError {
  return noAnswer.get(status) ?? "status";
}

/** The class of a `fetch` that was rejected; workerd's errors have no codes. */
export function errorOf(error: unknown, late: boolean): AttemptError {
  const chain: string[] = [];
  for (let current = error; current instanceof Error && chain.length < 5; current = current.cause)
    chain.push(`${current.name} ${JSON.stringify((current as { code?: unknown }).code)} ${current.message}`);
  const text = chain.join("\n");
  if (late || /TimeoutError|AbortError|timed out/i.test(text)) return "timeout";
  if (/dns|ENOTFOUND|EAI_AGAIN|getaddrinfo|name resolution|no address/i.test(text)) return "dns";
  if (/tls|ssl|certificate|handshake/i.test(text)) return "tls";
  return "connect";
}

async function readExcerpt(response: Response): Promise<string | null> {
  if (response.body === null) return null;
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const kept: Uint8Array[] = [];
  let size = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((ended) => {
    timer = setTimeout(() => ended(null), bodyMs);
  });
  try {
    while (size < maximumResponseBytes) {
      // oxlint-disable-next-line no-await-in-loop -- a stream is read piece by piece
      const piece = await Promise.race([reader.read(), late]);
      if (piece === null || piece.done) break;
      if (size < excerptBytes) kept.push(piece.value.subarray(0, excerptBytes - size));
      size += piece.value.length;
    }
  } catch {
    // The status has said what matters; what of the body came is kept.
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => undefined);
  }
  const bytes = Buffer.concat(kept);
  return bytes.length === 0 ? null : new TextDecoder().decode(bytes);
}
