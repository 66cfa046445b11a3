import { nodeHash } from "./hash.ts";
import type { Frontier } from "./frontier.ts";
import { subtreeHash, type HashSource } from "./hash-source.ts";
import { isCount, perfectHeight } from "./perfect.ts";

/** The hashes that lead from the leaf `index` to the root of the tree of `size` leaves, lowest first (RFC 9162 §2.1.3.1). */
export async function inclusionProof(source: HashSource, index: number, size: number): Promise<Uint8Array[]> {
  if (!isCount(index) || !isCount(size) || index >= size) throw new RangeError("the leaf is not in the tree");
  return path(source, index, 0, size);
}

/** PATH(m, D[begin:end]). */
async function path(source: HashSource, index: number, begin: number, end: number): Promise<Uint8Array[]> {
  if (end - begin === 1) return [];
  const middle = begin + splitOf(end - begin);
  return index < middle
    ? [...(await path(source, index, begin, middle)), await rangeHash(source, middle, end)]
    : [...(await path(source, index, middle, end)), await rangeHash(source, begin, middle)];
}

/** The hashes that show that the tree of `second` leaves begins with that of `first` (RFC 9162 §2.1.4.1); none for 0 or equal sizes. */
export async function consistencyProof(source: HashSource, first: number, second: number): Promise<Uint8Array[]> {
  if (!isCount(first) || !isCount(second) || first > second) throw new RangeError("the first tree is no beginning");
  return first === 0 || first === second ? [] : subproof(source, first, 0, second, true);
}

/** SUBPROOF(m, D[begin:end], known): `known` while the subtree is one whose root the verifier has. */
async function subproof(
  source: HashSource,
  first: number,
  begin: number,
  end: number,
  known: boolean,
): Promise<Uint8Array[]> {
  if (first === end) return known ? [] : [await rangeHash(source, begin, end)];
  const middle = begin + splitOf(end - begin);
  return first <= middle
    ? [...(await subproof(source, first, begin, middle, known)), await rangeHash(source, middle, end)]
    : [...(await subproof(source, first, middle, end, false)), await rangeHash(source, begin, middle)];
}

/** The frontier of a tree's first `size` leaves. */
export async function frontierAt(source: HashSource, size: number): Promise<Frontier> {
  if (!isCount(size)) throw new RangeError("no tree has that size");
  const hashes: Uint8Array[] = [];
  for (let begin = 0; begin < size;) {
    const height = perfectHeight(size - begin);
    // oxlint-disable-next-line no-await-in-loop -- a handful
    hashes.push(await subtreeHash(source, height, begin / 2 ** height));
    begin += 2 ** height;
  }
  return { size, hashes };
}

/** MTH(D[begin:end]): `begin` is a multiple of the largest power of two below the length, as it always is in proofs. */
async function rangeHash(source: HashSource, begin: number, end: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let at = begin; at < end;) {
    const height = perfectHeight(end - at);
    // oxlint-disable-next-line no-await-in-loop -- a handful
    parts.push(await subtreeHash(source, height, at / 2 ** height));
    at += 2 ** height;
  }
  return parts.reduceRight((right, left) => nodeHash(left, right));
}

/** The largest power of two below `length`. */
function splitOf(length: number): number {
  return 2 ** perfectHeight(length - 1);
}
