import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { appendLeaves, emptyFrontier, rootOf, type Frontier, type StoredNodes } from "./frontier.ts";
import { emptyRoot, leafHash, nodeHash } from "./hash.ts";
import { cachedSource, subtreeHash, type HashSource } from "./hash-source.ts";
import { consistencyProof, frontierAt, inclusionProof } from "./proofs.ts";
import { verifyConsistency, verifyInclusion } from "./verify.ts";

const maximumSize = 2000;
const leaves = Array.from({ length: maximumSize }, (_, at) => leafHash(new TextEncoder().encode(`leaf ${at}`)));

/** RFC 9162 §2.1.1, §2.1.3.1 and §2.1.4.1 as they are written, over lists of leaf hashes; subtrees are remembered by their ends. */
const known = new Map<number, Uint8Array>();
function mth(begin: number, end: number): Uint8Array {
  const name = begin * 4096 + end;
  const middle = begin + split(end - begin);
  const hash =
    known.get(name) ??
    (end - begin > 1 ? nodeHash(mth(begin, middle), mth(middle, end)) : (leaves[begin] ?? emptyRoot));
  known.set(name, hash);
  return hash;
}

function path(index: number, begin: number, end: number): Uint8Array[] {
  if (end - begin === 1) return [];
  const middle = begin + split(end - begin);
  return index < middle
    ? [...path(index, begin, middle), mth(middle, end)]
    : [...path(index, middle, end), mth(begin, middle)];
}

function subproof(first: number, begin: number, end: number, complete: boolean): Uint8Array[] {
  if (first === end) return complete ? [] : [mth(begin, end)];
  const middle = begin + split(end - begin);
  return first <= middle
    ? [...subproof(first, begin, middle, complete), mth(middle, end)]
    : [...subproof(first, middle, end, false), mth(begin, middle)];
}

function split(length: number): number {
  let half = 1;
  while (half * 2 < length) half *= 2;
  return half;
}

/** A source over what was stored, that counts the reads of each tile. */
function sourceOf(stored: readonly StoredNodes[]) {
  const rows = new Map<string, Uint8Array>();
  for (const { level, first, hashes } of stored)
    for (const [at, hash] of hashes.entries()) rows.set(`${level}/${first + at}`, hash);
  const reads = new Map<string, number>();
  const source: HashSource = {
    nodes: async (level, first, count) => {
      const tile = `${level}/${Math.floor(first / 256)}`;
      reads.set(tile, (reads.get(tile) ?? 0) + 1);
      return Array.from({ length: count }, (_, at) => {
        const hash = rows.get(`${level}/${first + at}`);
        if (hash === undefined) throw new Error("nodes are missing");
        return hash;
      });
    },
  };
  return { source, reads };
}

/** A tree of all leaves, appended to at these sizes. */
function grown(cuts: readonly number[]) {
  let frontier: Frontier = emptyFrontier;
  const stored: StoredNodes[] = [];
  const frontiers: Frontier[] = [];
  for (const cut of [...cuts.toSorted((a, b) => a - b), maximumSize]) {
    const appended = appendLeaves(frontier, leaves.slice(frontier.size, cut));
    frontier = appended.frontier;
    frontiers.push(frontier);
    stored.push(...appended.nodes);
  }
  return { frontiers, ...sourceOf(stored) };
}

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  const at = Math.floor(bit / 8) % bytes.length;
  flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit % 8));
  return flipped;
}

const size = fc.integer({ min: 1, max: maximumSize });
const cuts = fc.array(size, { maxLength: 6 });
const bit = fc.nat({ max: 255 });

describe("trees of up to 2,000 leaves, appended to in any batches", () => {
  it("have at each batch the root that RFC 9162 defines, and a frontier that is read back", async () => {
    await fc.assert(
      fc.asyncProperty(cuts, async (at) => {
        const { frontiers, source } = grown(at);
        for (const frontier of frontiers) {
          expect(rootOf(frontier)).toEqual(mth(0, frontier.size));
          expect(await frontierAt(source, frontier.size)).toEqual(frontier);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("prove as RFC 9162 defines, out of what is stored and out of the cache", async () => {
    const { source } = grown([1, 255, 256, 257, 1000]);
    await fc.assert(
      fc.asyncProperty(size, size, fc.nat(), async (one, other, where) => {
        const [first, second] = one < other ? [one, other] : [other, one];
        const index = where % second;
        const cached = cachedSource(source, second);
        for (const from of [source, cached]) {
          expect(await inclusionProof(from, index, second)).toEqual(path(index, 0, second));
          const expected = first === second ? [] : subproof(first, 0, second, true);
          expect(await consistencyProof(from, first, second)).toEqual(expected);
          expect(await frontierAt(from, first)).toEqual(await frontierAt(source, first));
        }
      }),
      { numRuns: 100 },
    );
  });

  it("are refused an inclusion with any bit flipped, of another leaf or of another size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: maximumSize }), fc.nat(), size, bit, (total, where, another, at) => {
        const index = where % total;
        const hashes = path(index, 0, total);
        const leaf = leaves[index] as Uint8Array;
        const proof = { index, size: total, leafHash: leaf, hashes, root: mth(0, total) };
        expect(verifyInclusion(proof)).toBe(true);
        expect(verifyInclusion({ ...proof, leafHash: flip(leaf, at) })).toBe(false);
        expect(verifyInclusion({ ...proof, root: flip(proof.root, at) })).toBe(false);
        for (const [place, hash] of hashes.entries())
          expect(verifyInclusion({ ...proof, hashes: hashes.with(place, flip(hash, at)) })).toBe(false);
        expect(verifyInclusion({ ...proof, index: (index + 1 + (another % (total - 1))) % total })).toBe(false);
        // Another size is another root; a path alone does not fix the size it is from.
        if (another !== total) expect(verifyInclusion({ ...proof, size: another, root: mth(0, another) })).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  it("are refused a consistency with any bit flipped, or of other sizes", () => {
    fc.assert(
      fc.property(size, size, size, bit, (one, other, another, at) => {
        fc.pre(one !== other);
        const [first, second] = one < other ? [one, other] : [other, one];
        const hashes = subproof(first, 0, second, true);
        const proof = { first, second, firstRoot: mth(0, first), secondRoot: mth(0, second), hashes };
        expect(verifyConsistency(proof)).toBe(true);
        expect(verifyConsistency({ ...proof, firstRoot: flip(proof.firstRoot, at) })).toBe(false);
        expect(verifyConsistency({ ...proof, secondRoot: flip(proof.secondRoot, at) })).toBe(false);
        for (const [place, hash] of hashes.entries())
          expect(verifyConsistency({ ...proof, hashes: hashes.with(place, flip(hash, at)) })).toBe(false);
        if (another !== first)
          expect(verifyConsistency({ ...proof, first: another, firstRoot: mth(0, another) })).toBe(false);
        if (another !== second)
          expect(verifyConsistency({ ...proof, second: another, secondRoot: mth(0, another) })).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});

describe("the cache of tiles", () => {
  it("reads each tile once for proofs that are made at the same time, and none past the size", async () => {
    const { source, reads } = grown([]);
    const cached = cachedSource(source, 1500);
    await Promise.all(leaves.slice(0, 1500).map((_, index) => inclusionProof(cached, index, 1500)));
    expect([...reads.keys()].toSorted()).toEqual(["0/0", "0/1", "0/2", "0/3", "0/4", "0/5", "1/0"]);
    expect(Math.max(...reads.values())).toBe(1);
    await expect(subtreeHash(cached, 0, 1500)).rejects.toThrow("missing");
    await expect(cached.nodes(0, 2048, 1)).rejects.toThrow("missing");
    await expect(cached.nodes(2, 0, 1)).rejects.toThrow("missing");
    expect(reads.size).toBe(7);
  });

  it("forgets a read that failed, and believes no source that answers too little", async () => {
    const { source } = grown([]);
    let broken = true;
    const flaky = cachedSource(
      { nodes: async (...asked) => (broken ? Promise.reject(new Error("away")) : source.nodes(...asked)) },
      300,
    );
    await expect(inclusionProof(flaky, 3, 300)).rejects.toThrow("away");
    broken = false;
    expect(await inclusionProof(flaky, 3, 300)).toEqual(path(3, 0, 300));
    const short: HashSource = {
      nodes: async (level, first, count) => (await source.nodes(level, first, count)).slice(1),
    };
    await expect(inclusionProof(short, 3, 300)).rejects.toThrow("missing");
    await expect(inclusionProof(cachedSource(short, 300), 3, 300)).rejects.toThrow("missing");
  });
});

describe("sizes up to 2^53", () => {
  /** All leaves are the same, and so all nodes of one height are. */
  const heights = [leafHash(new Uint8Array())];
  for (let height = 1; height <= 53; height += 1)
    heights.push(nodeHash(heights[height - 1] as Uint8Array, heights[height - 1] as Uint8Array));
  const source: HashSource = {
    nodes: async (level, _first, count) => Array.from({ length: count }, () => heights[level * 8] as Uint8Array),
  };
  function uniform(leafCount: number): Frontier {
    const bits = leafCount.toString(2).padStart(54, "0");
    return { size: leafCount, hashes: heights.toReversed().filter((_, at) => bits[at] === "1") };
  }
  const sizes = [31, 32, 33, 48, 49, 50, 52].flatMap((power) => [2 ** power - 1, 2 ** power, 2 ** power + 1]);

  it.each([...sizes, Number.MAX_SAFE_INTEGER - 2])("are exact at %d", async (total) => {
    const frontier = uniform(total);
    expect(await frontierAt(source, total)).toEqual(frontier);
    const { frontier: next, nodes } = appendLeaves(frontier, [heights[0] as Uint8Array, heights[0] as Uint8Array]);
    expect(next).toEqual(uniform(total + 2));
    expect(nodes[0]?.first).toBe(total);
    const [firstRoot, secondRoot] = [rootOf(frontier), rootOf(next)];
    const hashes = await consistencyProof(source, total, total + 2);
    expect(verifyConsistency({ first: total, second: total + 2, firstRoot, secondRoot, hashes })).toBe(true);
    for (const index of [0, Math.floor(total / 2), total - 1]) {
      const proof = await inclusionProof(source, index, total);
      const leaf = heights[0] as Uint8Array;
      expect(verifyInclusion({ index, size: total, leafHash: leaf, hashes: proof, root: firstRoot })).toBe(true);
    }
  });

  it("are whole and safe, or nothing is proved of them", async () => {
    for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      await expect(inclusionProof(source, wrong, 8)).rejects.toThrow(RangeError);
      await expect(inclusionProof(source, 0, wrong)).rejects.toThrow(RangeError);
      await expect(consistencyProof(source, wrong, 8)).rejects.toThrow(RangeError);
      await expect(frontierAt(source, wrong)).rejects.toThrow(RangeError);
      const roots = { firstRoot: heights[1] as Uint8Array, secondRoot: heights[3] as Uint8Array };
      expect(verifyConsistency({ first: wrong, second: 8, ...roots, hashes: [] })).toBe(false);
      expect(verifyConsistency({ first: 2, second: wrong, ...roots, hashes: [] })).toBe(false);
    }
    await expect(consistencyProof(source, 9, 8)).rejects.toThrow(RangeError);
    expect(await consistencyProof(source, 0, 8)).toEqual([]);
    expect(await consistencyProof(source, 8, 8)).toEqual([]);
  });
});
