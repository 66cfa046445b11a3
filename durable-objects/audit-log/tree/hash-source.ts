import { LRUCache } from "lru-cache";
import { levelHeight } from "./frontier.ts";
import { nodeHash } from "./hash.ts";

/** Where nodes of a tree are read: consecutive ones of a level (see `StoredNodes`). Rejects when some are missing. */
export interface HashSource {
  nodes(level: number, first: number, count: number): Promise<readonly Uint8Array[]>;
}

/** Nodes of a level that lie together under one node of the next. */
const tileWidth = 2 ** levelHeight;

const missing = "nodes of a tree are missing";

/** The nodes of a tile, and above them those of each height within it. */
type Pyramid = Uint8Array[][];

/**
 * A source for many proofs in one tree of `size` leaves: remembers whole tiles, so that the proofs of neighbouring leaves read each of
 * them once. It never reads past `size`.
 */
export class CachedSource implements HashSource {
  readonly #source: HashSource;
  readonly #size: number;
  readonly #tiles: LRUCache<string, Promise<Pyramid>>;

  constructor(source: HashSource, size: number, maximumTiles: number) {
    this.#source = source;
    this.#size = size;
    this.#tiles = new LRUCache({ max: maximumTiles });
  }

  async nodes(level: number, first: number, count: number): Promise<readonly Uint8Array[]> {
    const found: Uint8Array[] = [];
    while (found.length < count) {
      const at = first + found.length;
      const tile = Math.floor(at / tileWidth);
      // oxlint-disable-next-line no-await-in-loop -- almost always one tile
      const [nodes = []] = await this.#tile(level, tile);
      const from = at - tile * tileWidth;
      const more = nodes.slice(from, from + count - found.length);
      if (more.length === 0) throw new Error(missing);
      found.push(...more);
    }
    return found;
  }

  /** A node inside a tile, computed once; `height` above the tile's level, at most 8. */
  async inner(level: number, height: number, index: number): Promise<Uint8Array | undefined> {
    const perTile = 2 ** (levelHeight - height);
    const tile = Math.floor(index / perTile);
    return (await this.#tile(level, tile))[height]?.[index - tile * perTile];
  }

  /** The promise is what is remembered, so that proofs made at the same time share one read; a failed one is forgotten. */
  async #tile(level: number, tile: number): Promise<Pyramid> {
    const name = `${level}/${tile}`;
    const known = this.#tiles.get(name);
    if (known !== undefined) return known;
    const reading = this.#read(level, tile * tileWidth);
    this.#tiles.set(name, reading);
    try {
      return await reading;
    } catch (error) {
      if (this.#tiles.peek(name) === reading) this.#tiles.delete(name);
      throw error;
    }
  }

  async #read(level: number, first: number): Promise<Pyramid> {
    const count = Math.min(tileWidth, Math.floor(this.#size / tileWidth ** level) - first);
    if (!(count > 0)) throw new Error(missing);
    const row = await this.#source.nodes(level, first, count);
    if (row.length !== count) throw new Error(missing);
    const pyramid: Pyramid = [[...row]];
    for (let below = pyramid[0] ?? []; below.length > 1; below = pyramid.at(-1) ?? []) pyramid.push(pairs(below));
    return pyramid;
  }
}

/** See `CachedSource`. */
export function cachedSource(source: HashSource, size: number, maximumTiles = 16): CachedSource {
  return new CachedSource(source, size, maximumTiles);
}

/** The root of the perfect subtree of 2^`height` leaves that is the `index`th of its kind. */
export async function subtreeHash(source: HashSource, height: number, index: number): Promise<Uint8Array> {
  const level = Math.floor(height / levelHeight);
  const within = height % levelHeight;
  if (source instanceof CachedSource) {
    const known = await source.inner(level, within, index);
    if (known !== undefined) return known;
  }
  let row = [...(await source.nodes(level, index * 2 ** within, 2 ** within))];
  if (row.length !== 2 ** within) throw new Error(missing);
  while (row.length > 1) row = pairs(row);
  const [root] = row;
  if (root === undefined) throw new Error(missing);
  return root;
}

/** The row above: complete pairs only. */
function pairs(row: readonly Uint8Array[]): Uint8Array[] {
  const above: Uint8Array[] = [];
  for (let at = 0; at + 1 < row.length; at += 2) {
    const [left, right] = [row[at], row[at + 1]];
    if (left !== undefined && right !== undefined) above.push(nodeHash(left, right));
  }
  return above;
}
