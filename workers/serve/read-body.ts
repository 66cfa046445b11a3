import { AppError } from "../../schema/errors.ts";

/** The most that a body under `/v1` and `/operator` may have, in bytes. */
export const maximumBodyBytes = 64 * 1024;

/**
 * The JSON of a request's body, with its bytes. 415 for another content type, 413 past the limit (by Content-Length, and while
 * it streams), 422 for what is not JSON. `optional`: no body at all reads as `{}`.
 */
export async function readJson(
  request: Request,
  { optional, limit }: { readonly optional: boolean; readonly limit: number } = {
    optional: false,
    limit: maximumBodyBytes,
  },
): Promise<{ value: unknown; bytes: Uint8Array }> {
  const bytes = await readBytes(request, limit);
  if (bytes.byteLength === 0 && optional) return { value: {}, bytes };
  if (!isJson(request.headers.get("content-type"))) {
    throw new AppError("unsupported_media_type", { detail: "Send a body of the type application/json." });
  }
  try {
    return { value: JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes)), bytes };
  } catch (cause) {
    throw new AppError("validation_failed", { errors: [{ path: "", message: "is not JSON in UTF-8" }], cause });
  }
}

/** The bytes of a request's body; 413 past the limit. */
export async function readBytes(request: Request, limit: number): Promise<Uint8Array> {
  const declared = declaredLength(request);
  if (declared !== null && declared > limit) throw tooLarge(limit);
  const bytes = await readFirst(request, declared, limit);
  if (bytes.byteLength > limit) throw tooLarge(limit);
  return bytes;
}

/**
 * The bytes of a request's body for a Worker that only looks at it and forwards it: where it is longer than the limit, `limit + 1` of
 * them, so that whoever reads it next refuses it as too long. Null, and nothing is read, where it says that it is too long.
 */
export async function readUpTo(request: Request, limit: number): Promise<Uint8Array | null> {
  const declared = declaredLength(request);
  if ((declared !== null && declared > limit) || request.body === null) return null;
  return (await readFirst(request, declared, limit)).subarray(0, limit + 1);
}

function declaredLength({ headers }: Request): number | null {
  const declared = headers.get("content-length");
  return declared !== null && /^\d+$/.test(declared) ? Number(declared) : null;
}

/** All of a body, or at least `limit + 1` bytes of it. */
async function readFirst(request: Request, declared: number | null, limit: number): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array();
  // HTTP holds a body to its declared length (RFC 9112 §6.3), so it may be read at once: half the CPU of reading in chunks.
  if (declared !== null) return new Uint8Array(await request.arrayBuffer());
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body as ReadableStream<Uint8Array>) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > limit) break;
  }
  return concatenate(chunks, size);
}

function concatenate(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

function isJson(contentType: string | null): boolean {
  return contentType !== null && /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(contentType);
}

function tooLarge(limit: number): AppError {
  return new AppError("payload_too_large", { detail: `The body may have ${limit} bytes at most.` });
}
