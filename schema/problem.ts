import { z } from "zod";
import { AppError, errorCatalog, type ErrorCode } from "./errors.ts";

/** The registered type of a 429 (draft-ietf-httpapi-ratelimit-headers, IANA http-problem-types). */
export const quotaExceededType = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/** A problem details object (RFC 9457) with Domicile's extension members. */
export const problemSchema = z
  .object({
    type: z.string().meta({ example: "urn:domicile:problem:validation_failed" }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().meta({ description: "The path of the request." }),
    code: z.string(),
    request_id: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    "violated-policies": z.array(z.string()).optional(),
  })
  .meta({ id: "Problem" });

/** A problem details object, as sent. */
export type Problem = z.infer<typeof problemSchema>;

/** What the answer needs to know of the request that failed. */
export interface FailedRequest {
  readonly requestId: string;
  /** The path without its query, which may hold personal data. */
  readonly path: string;
}

/**
 * The answer to a request that was aborted: `application/problem+json` by RFC 9457, with `Retry-After` where the error
 * carries one (every 503 does: 5 s if nothing better is known). Anything but an `AppError` is an `internal` error that
 * says nothing of the inside.
 */
export function problemResponse(error: unknown, request: FailedRequest): Response {
  const known = error instanceof AppError ? error : new AppError("internal", { cause: error });
  const { status, title } = errorCatalog[known.code];
  const { details } = known;
  const problem: Problem = {
    type: problemType(known.code),
    title,
    status,
    detail: details.detail ?? `${title}.`,
    instance: request.path,
    code: known.code,
    request_id: request.requestId,
    ...(details.errors && { errors: [...details.errors] }),
    ...details.members,
  };
  const headers = new Headers({ ...details.headers, "content-type": "application/problem+json" });
  const retryAfter = details.retryAfter ?? (status === 503 ? 5 : undefined);
  if (retryAfter !== undefined) headers.set("retry-after", String(retryAfter));
  if (status === 401) headers.set("www-authenticate", "Bearer");
  return new Response(JSON.stringify(problem), { status, headers });
}

function problemType(code: ErrorCode): string {
  return code === "rate_limited" ? quotaExceededType : `urn:domicile:problem:${code}`;
}
