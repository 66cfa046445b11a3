import { emptyRoot, nodeHash } from "./hash.ts";

/** Nodes are stored for every eighth height: level L holds the roots of perfect subtrees of 256^L leaves. */
export const levelHeight = 8;

/** A compact range from leaf 0: the roots of the perfect subtrees that a tree of `size` leaves is made of, largest first. */
export interface Frontier {
  readonly size: number;
  readonly hashes: readonly Uint8Array[];
}

/** Consecutive nodes of a level: `first` is the place of `hashes[0]` among them. */
export interface StoredNodes {
  readonly level: number;
  readonly first: number;
  readonly hashes: readonly Uint8Array[];
}

/** The frontier of a tree without leaves. */
export const emptyFrontier: Frontier = { size: 0, hashes: [] };

/** The root of a tree (RFC 9162 §2.1.1). */
export function rootOf({ hashes }: Frontier): Uint8Array {
  return hashes.length === 0 ? emptyRoot : hashes.reduceRight((right, left) => nodeHash(left, right));
}

/** Appends leaf hashes: the frontier after them, and the nodes that are new and stored, which are never changed again. */
export function appendLeaves(
  frontier: Frontier,
  leaves: readonly Uint8Array[],
): { frontier: Frontier; nodes: StoredNodes[] } {
  const hashes = [...frontier.hashes];
  const levels: { first: number; hashes: Uint8Array[] }[] = [{ first: frontier.size, hashes: [...leaves] }];
  let { size } = frontier;
  for (const leaf of leaves) {
    let node = leaf;
    let height = 0;
    // Each set bit of the size is a perfect subtree: adding a leaf merges them as adding one carries. No shifts: sizes pass 2^31.
    for (let carry = size; carry % 2 === 1; carry = Math.floor(carry / 2)) {
      node = nodeHash(hashes.pop() ?? node, node);
      height += 1;
      if (height % levelHeight === 0) {
        const index = Math.floor(size / 2 ** height);
        (levels[height / levelHeight] ??= { first: index, hashes: [] }).hashes.push(node);
      }
    }
    hashes.push(node);
    size += 1;
  }
  const nodes = levels.flatMap((stored, level) =>
    stored.hashes.length === 0 ? [] : [{ level, first: stored.first, hashes: stored.hashes }],
  );
  return { frontier: { size, hashes }, nodes };
}
