import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { appendLeaves, emptyFrontier, rootOf, type Frontier, type StoredNodes } from "./frontier.ts";
import { emptyRoot, leafHash, nodeHash } from "./hash.ts";
import { cachedSource, type HashSource } from "./hash-source.ts";
import { consistencyProof, frontierAt, inclusionProof } from "./proofs.ts";
import { verifyConsistency, verifyInclusion } from "./verify.ts";

/** The reference inputs of Certificate Transparency and their roots, by size: every RFC 6962 log tests itself against them. */
const inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const roots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

function hex(hash: Uint8Array): string {
  return Buffer.from(hash).toString("hex");
}

/** MTH as RFC 9162 §2.1.1 defines it. */
function naiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [only = emptyRoot] = leaves;
  if (leaves.length <= 1) return only;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)));
}

function leavesOf(size: number): Uint8Array[] {
  return Array.from({ length: size }, (_, at) => leafHash(new TextEncoder().encode(`leaf ${at}`)));
}

/** Stores nodes as the database does: rows that are never changed. Counts how often it is asked. */
function storage() {
  const levels = new Map<number, Map<number, Uint8Array>>();
  const world = {
    reads: 0,
    store: (nodes: readonly StoredNodes[]) => {
      for (const { level, first, hashes } of nodes) {
        const row = levels.get(level) ?? new Map<number, Uint8Array>();
        levels.set(level, row);
        for (const [at, hash] of hashes.entries()) {
          expect(row.has(first + at)).toBe(false);
          row.set(first + at, hash);
        }
      }
    },
    source: {
      nodes: async (level, first, count) => {
        world.reads += 1;
        return Array.from({ length: count }, (_, at) => {
          const hash = levels.get(level)?.get(first + at);
          if (hash === undefined) throw new Error("nodes are missing");
          return hash;
        });
      },
    } satisfies HashSource as HashSource,
  };
  return world;
}

/** A tree of these leaves. */
function grownFrom(leaves: readonly Uint8Array[]) {
  const world = storage();
  world.store(appendLeaves(emptyFrontier, leaves).nodes);
  return { leaves, source: world.source };
}

/** A tree that was appended to in batches of these sizes. */
function grown(batches: readonly number[]) {
  const world = storage();
  let frontier: Frontier = emptyFrontier;
  const leaves = leavesOf(batches.reduce((sum, batch) => sum + batch, 0));
  for (const batch of batches) {
    const appended = appendLeaves(frontier, leaves.slice(frontier.size, frontier.size + batch));
    frontier = appended.frontier;
    world.store(appended.nodes);
  }
  return { ...world, world, frontier, leaves };
}

const batchesArbitrary = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 6 });

describe("the reference tree of Certificate Transparency", () => {
  it("has the roots of its reference at every size", () => {
    const leaves = inputs.map((input) => leafHash(Buffer.from(input, "hex")));
    for (const [size, root] of roots.entries())
      expect(hex(rootOf(appendLeaves(emptyFrontier, leaves.slice(0, size)).frontier))).toBe(root);
  });

  it("proves each of its leaves at every size, and refuses whatever is done to a proof", async () => {
    const { leaves, source } = grownFrom(inputs.map((input) => leafHash(Buffer.from(input, "hex"))));
    for (let size = 1; size <= leaves.length; size++) {
      for (let index = 0; index < size; index++) {
        const hashes = await inclusionProof(source, index, size);
        const root = Buffer.from(roots[size] ?? "", "hex");
        const good = { index, size, leafHash: leaves[index] ?? emptyRoot, hashes, root };
        expect(verifyInclusion(good)).toBe(true);
        for (const bad of corruptions(hashes, root)) expect(verifyInclusion({ ...good, hashes: bad })).toBe(false);
        for (const other of [index - 1, index + 1, index ^ 2]) {
          if (other !== index && size > 1) expect(verifyInclusion({ ...good, index: other })).toBe(false);
        }
        expect(verifyInclusion({ ...good, root: emptyRoot })).toBe(false);
        expect(verifyInclusion({ ...good, leafHash: root, index: index + size })).toBe(false);
      }
    }
  });

  it("continues each of its smaller sizes, and refuses whatever is done to a proof", async () => {
    const { source } = grownFrom(inputs.map((input) => leafHash(Buffer.from(input, "hex"))));
    for (let second = 2; second < roots.length; second++) {
      for (let first = 1; first < second; first++) {
        const hashes = await consistencyProof(source, first, second);
        const firstRoot = Buffer.from(roots[first] ?? "", "hex");
        const secondRoot = Buffer.from(roots[second] ?? "", "hex");
        const good = { first, second, firstRoot, secondRoot, hashes };
        expect(verifyConsistency(good)).toBe(true);
        for (const bad of [...corruptions(hashes, firstRoot), ...corruptions(hashes, secondRoot)])
          expect(verifyConsistency({ ...good, hashes: bad })).toBe(false);
        expect(verifyConsistency({ ...good, firstRoot: secondRoot, secondRoot: firstRoot })).toBe(false);
        expect(verifyConsistency({ ...good, firstRoot: emptyRoot })).toBe(false);
        expect(verifyConsistency({ ...good, secondRoot: emptyRoot })).toBe(false);
        expect(verifyConsistency({ ...good, first: second, second: first })).toBe(false);
      }
    }
  });
});

/** What can be done to a proof: cut short, lengthened at either end, with a root or with garbage in it, with one bit flipped. */
function corruptions(hashes: readonly Uint8Array[], root: Uint8Array): Uint8Array[][] {
  const bad = [
    [...hashes, root],
    [root, ...hashes],
    [...hashes, new Uint8Array()],
    [new Uint8Array(), ...hashes],
    [...hashes, ...hashes, root],
  ];
  if (hashes.length > 0) bad.push([], hashes.slice(0, -1), hashes.slice(1));
  for (const [at, hash] of hashes.entries()) {
    const flipped = Uint8Array.from(hash);
    flipped[4] = (flipped[4] ?? 0) ^ 16;
    bad.push(hashes.with(at, flipped));
  }
  return bad;
}

describe("a tree that grows in batches", () => {
  it("has the root that the definition gives it, and its frontier can be read back from what is stored", async () => {
    await fc.assert(
      fc.asyncProperty(batchesArbitrary, async (batches) => {
        const { frontier, leaves, source } = grown(batches);
        expect(hex(rootOf(frontier))).toBe(hex(naiveRoot(leaves)));
        const read = await frontierAt(source, frontier.size);
        expect(read.hashes.map(hex)).toEqual(frontier.hashes.map(hex));
      }),
      { numRuns: 25 },
    );
  });

  it("proves every leaf, and nothing that was changed", async () => {
    await fc.assert(
      fc.asyncProperty(batchesArbitrary, fc.nat(), fc.nat(), fc.nat(), async (batches, where, below, bit) => {
        const { leaves, source } = grown(batches);
        fc.pre(leaves.length > 0);
        const size = leaves.length - (below % leaves.length);
        const index = where % size;
        const hashes = await inclusionProof(source, index, size);
        const root = naiveRoot(leaves.slice(0, size));
        const proof = { index, size, leafHash: leaves[index] ?? emptyRoot, hashes, root };
        expect(verifyInclusion(proof)).toBe(true);
        const flipped = Uint8Array.from(proof.leafHash);
        flipped[bit % 32] = (flipped[bit % 32] ?? 0) ^ (1 << (bit % 8));
        expect(verifyInclusion({ ...proof, leafHash: flipped })).toBe(false);
        expect(verifyInclusion({ ...proof, hashes: [...hashes, emptyRoot] })).toBe(false);
        if (size > 1) expect(verifyInclusion({ ...proof, index: (index + 1) % size })).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it("proves that each of its sizes continues each smaller one", async () => {
    await fc.assert(
      fc.asyncProperty(batchesArbitrary, fc.nat(), fc.nat(), async (batches, one, other) => {
        const { leaves, source } = grown(batches);
        const sizes = [one, other].map((size) => size % (leaves.length + 1)).toSorted((a, b) => a - b);
        const [first = 0, second = 0] = sizes;
        const hashes = await consistencyProof(source, first, second);
        const firstRoot = naiveRoot(leaves.slice(0, first));
        const secondRoot = naiveRoot(leaves.slice(0, second));
        expect(verifyConsistency({ first, second, firstRoot, secondRoot, hashes })).toBe(true);
        if (first > 0)
          expect(verifyConsistency({ first, second, firstRoot: leafHash(emptyRoot), secondRoot, hashes })).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it("proves leaf after leaf with one read for each tile", async () => {
    const { leaves, source, world } = grown([700]);
    const root = naiveRoot(leaves);
    const cached = cachedSource(source, leaves.length);
    for (const [index, leaf] of leaves.entries()) {
      const hashes = await inclusionProof(cached, index, leaves.length);
      expect(verifyInclusion({ index, size: leaves.length, leafHash: leaf, hashes, root })).toBe(true);
    }
    // Three tiles of leaves, and one of the level above.
    expect(world.reads).toBe(4);
  });

  it("refuses numbers that are none", () => {
    const root = emptyRoot;
    for (const index of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])
      expect(verifyInclusion({ index, size: 2 ** 53, leafHash: root, hashes: [], root })).toBe(false);
  });
});
