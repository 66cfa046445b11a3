/** `pending`: to be tried; `delivered`; `dead_letter`: parked, after its automatic tries were used up or could not be made. */
export const deliveryStatuses = ["pending", "delivered", "dead_letter"] as const;

/** Where a delivery stands. */
export type DeliveryStatus = (typeof deliveryStatuses)[number];

/** Why a try failed: before an answer (`dns`, `connect`, `tls`, `timeout`), or by its `status`. */
export const attemptErrors = ["dns", "connect", "tls", "timeout", "status"] as const;

/** Why a try failed. */
export type AttemptError = (typeof attemptErrors)[number];

/**
 * Why a delivery was parked without a try.
 * - `endpoint_disabled`, `endpoint_deleted`: nobody is to be called.
 * - `url_refused`: the URL does not keep to the rules (any more).
 * - `residency`: the endpoint is of another region and its opt-in was withdrawn.
 * - `no_valid_key`: the endpoint wants a JWE, and the customer has no public key that is valid.
 * - `erased`: the payload is gone for good. Such a delivery is never tried again.
 */
export const parkReasons = [
  "endpoint_disabled",
  "endpoint_deleted",
  "url_refused",
  "residency",
  "no_valid_key",
  "erased",
] as const;

/** Why a delivery was parked without a try. */
export type ParkReason = (typeof parkReasons)[number];

/** Why an endpoint is disabled: by its owner, because it answered 410, or after 120 hours without one success. */
export type DisabledReason = "by_customer" | "gone" | "failing";
