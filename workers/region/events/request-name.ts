import { base64url } from "jose";
import { keyedHash } from "../../../schema/login-hash.ts";
import { principalOf, type Served } from "../../serve/served.ts";
import { readIdempotencyKey } from "../idempotency/once.ts";

/** Keyed hashes that name a request with an `Idempotency-Key`, and its body. */
export interface RequestName {
  readonly key: string;
  readonly hash: string;
}

/**
 * Names what a request with an `Idempotency-Key` makes; null without one. The event itself remembers the name, in its own transaction, so
 * that no crash can part them (other routes that create use `once`). `position`: the event's place in a batch.
 */
export async function requestName(
  served: Served,
  body: Uint8Array,
  hashKey: string,
  position: number | null = null,
): Promise<RequestName | null> {
  const given = readIdempotencyKey(served);
  if (given === null) return null;
  const { id } = principalOf(served);
  const name = [id, served.path, given, ...(position === null ? [] : [position])];
  const digest = base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", body)));
  const [key, hash] = await Promise.all([
    keyedHash("event-request", JSON.stringify(name), hashKey),
    keyedHash("event-body", digest, hashKey),
  ]);
  return { key, hash };
}
