import { emptyRoot, nodeHash } from "./hash.ts";
import { isCount, perfectHeight } from "./perfect.ts";

/** Says that a leaf is in a tree. */
export interface Inclusion {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly hashes: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** Says that one tree begins with another. */
export interface Consistency {
  readonly first: number;
  readonly second: number;
  readonly firstRoot: Uint8Array;
  readonly secondRoot: Uint8Array;
  readonly hashes: readonly Uint8Array[];
}

/** Whether a leaf is in a tree (RFC 9162 §2.1.3.2). Never throws. */
export function verifyInclusion({ index, size, leafHash, hashes, root }: Inclusion): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  if (!areHashes([leafHash, root, ...hashes])) return false;
  let fn = index;
  let sn = size - 1;
  let hash = leafHash;
  for (const sibling of hashes) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(sibling, hash);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn / 2, Math.floor(sn / 2)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  return sn === 0 && equal(hash, root);
}

/** Whether the tree of `second` leaves begins with that of `first` (RFC 9162 §2.1.4.2). Never throws. */
export function verifyConsistency({ first, second, firstRoot, secondRoot, hashes }: Consistency): boolean {
  if (!isCount(first) || !isCount(second) || first > second) return false;
  // An empty tree begins every other; but its root is no secret.
  if (first === 0 && !equal(firstRoot, emptyRoot)) return false;
  if (first === second) return hashes.length === 0 && equal(firstRoot, secondRoot);
  if (!areHashes([firstRoot, secondRoot, ...hashes])) return false;
  if (first === 0) return hashes.length === 0;
  if (hashes.length === 0) return false;
  // A first tree that is perfect is a node of the second: its root begins the path.
  const path = isPowerOfTwo(first) ? [firstRoot, ...hashes] : [...hashes];
  let fn = first - 1;
  let sn = second - 1;
  while (fn % 2 === 1) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  let fr = path[0] ?? firstRoot;
  let sr = fr;
  for (const hash of path.slice(1)) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(hash, fr);
      sr = nodeHash(hash, sr);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn / 2, Math.floor(sn / 2)];
    } else {
      sr = nodeHash(sr, hash);
    }
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  return sn === 0 && equal(fr, firstRoot) && equal(sr, secondRoot);
}

function areHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.every((hash) => hash.length === 32);
}

function isPowerOfTwo(value: number): boolean {
  return 2 ** perfectHeight(value) === value;
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}
