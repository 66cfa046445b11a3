/**
 * The height of the largest perfect tree that fits into `size` leaves, at least 1 and a safe integer. Counted and not taken from
 * `Math.log2`, which rounds 2^49 + 1 down to a power of two and 2^49 - 1 up to one.
 */
export function perfectHeight(size: number): number {
  let height = 0;
  while (2 ** (height + 1) <= size) height += 1;
  return height;
}

/** Whether a value can be the size of a tree or the index of a leaf: a whole number from 0 to 2^53 - 1. */
export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
