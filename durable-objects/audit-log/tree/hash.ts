import { createHash } from "node:crypto";

const leafPrefix = Uint8Array.of(0);
const nodePrefix = Uint8Array.of(1);

/** The hash of a leaf: SHA-256(0x00, data) (RFC 9162 §2.1.1). */
export function leafHash(data: Uint8Array): Uint8Array {
  return createHash("sha256").update(leafPrefix).update(data).digest();
}

/** The hash of an inner node: SHA-256(0x01, left, right) (RFC 9162 §2.1.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return createHash("sha256").update(nodePrefix).update(left).update(right).digest();
}

/** The root of a tree without leaves: SHA-256 of nothing. */
export const emptyRoot: Uint8Array = createHash("sha256").digest();
