/** Every error a client can see: its literal code, its HTTP status and its title (RFC 9457 `title`). */
export const errorCatalog = {
  unauthorized: { status: 401, title: "Authentication required" },
  invalid_credentials: { status: 401, title: "Wrong e-mail address or password" },
  reauthentication_required: { status: 401, title: "Sign in again from this country" },
  forbidden: { status: 403, title: "Not allowed" },
  insufficient_scope: { status: 403, title: "The API key lacks a scope" },
  cross_site_request: { status: 403, title: "Cross-site request refused" },
  customer_suspended: { status: 403, title: "Customer suspended" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  conflict: { status: 409, title: "Conflict" },
  idempotency_in_progress: { status: 409, title: "The first request with this Idempotency-Key is still running" },
  payload_too_large: { status: 413, title: "Body too large" },
  unsupported_media_type: { status: 415, title: "Unsupported media type" },
  validation_failed: { status: 422, title: "Validation failed" },
  idempotency_mismatch: { status: 422, title: "Idempotency-Key was used with another body" },
  rate_limited: { status: 429, title: "Request cannot be satisfied as assigned quota has been exceeded" },
  sign_in_limited: { status: 429, title: "Too many sign-in attempts" },
  disclosure_limited: { status: 429, title: "Too many payloads or secrets shown" },
  internal: { status: 500, title: "Internal error" },
  upstream_unreachable: { status: 502, title: "Upstream unreachable" },
  unavailable: { status: 503, title: "Temporarily unavailable" },
  region_closed: { status: 503, title: "Region closed" },
  region_draining: { status: 503, title: "Region takes no new sessions" },
  upstream_timeout: { status: 504, title: "Upstream timed out" },
} as const satisfies Record<string, { status: number; title: string }>;

/** A literal error code, as in the `code` member of a problem. */
export type ErrorCode = keyof typeof errorCatalog;

/** One place in the input that is wrong: a dotted `path` ("" is the whole) and what is wrong there. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** What an error may carry to the client besides its code. */
export interface ErrorDetails {
  /** A sentence for the client. Never of the inside, never personal data. */
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  /** Whole seconds after which trying again makes sense; sent as `Retry-After` (RFC 9110 §10.2.3). */
  readonly retryAfter?: number;
  /** Further response headers, such as `Allow`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem, such as `violated-policies`. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** For the log only. */
  readonly cause?: unknown;
}

/** The one error that a stage or handler throws to abort a request; `problemResponse` turns it into the answer. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    super(details.detail ?? errorCatalog[code].title, { cause: details.cause });
    this.code = code;
    this.details = details;
  }
}
