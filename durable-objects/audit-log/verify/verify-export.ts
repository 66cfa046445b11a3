import {
  exportLineSchema,
  type ExportHeader,
  type ExportLeaf,
  type ExportRecord,
} from "../../../schema/audit/export.ts";
import { commit, leafBytes, personalBytes } from "../../../schema/audit/leaf.ts";
import { parseCheckpoint, type Checkpoint } from "../checkpoint/checkpoint.ts";
import { openNote } from "../checkpoint/note.ts";
import { appendLeaves, emptyFrontier, rootOf, type Frontier } from "../tree/frontier.ts";
import { leafHash } from "../tree/hash.ts";
import { verifyInclusion } from "../tree/verify.ts";
import type { Finding } from "./finding.ts";

/** What a file turned out to be. */
export interface Verified {
  readonly header: ExportHeader | null;
  readonly checkpoint: Checkpoint | null;
  readonly records: number;
  readonly erased: number;
  /** Leaves that the file names without their record, and those that it should name and does not. */
  readonly without: ReadonlySet<number>;
  readonly findings: readonly Finding[];
}

/** What a file is checked against. */
export interface Trust {
  /** Verifier keys that are trusted; null: the one in the file itself, which its reader must then know to be the right one. */
  readonly keys: readonly string[] | null;
  /** Checkpoints that were kept elsewhere: the tree must contain them. */
  readonly checkpoints: readonly Checkpoint[];
}

/** Checks an export, a line after the other: each record against the tree, and the file against what it says of itself. */
export async function verifyExport(lines: AsyncIterable<string>, trust: Trust): Promise<Verified> {
  const verifier = new Verifier(trust);
  for await (const line of lines) if (line !== "") await verifier.take(line);
  return verifier.end();
}

/** How far ahead of its place a leaf may be before the ones between are counted as missing one by one. */
const maximumGap = 100_000;

class Verifier {
  readonly #trust: Trust;
  readonly #findings: Finding[] = [];
  readonly #without = new Set<number>();
  #line = 0;
  #header: ExportHeader | null = null;
  #checkpoint: Checkpoint | null = null;
  #next = 0;
  #records = 0;
  #erased = 0;
  #ended = false;
  /** The tree as far as the leaves have come one after the other from the first on; null: they have not. */
  #tree: Frontier | null = null;

  constructor(trust: Trust) {
    this.#trust = trust;
  }

  async take(text: string): Promise<void> {
    this.#line += 1;
    const parsed = exportLineSchema.safeParse(parseJson(text));
    if (!parsed.success) return this.#find("malformed", "is not a line of an export");
    const line = parsed.data;
    if (line.type === "header") return this.#begin(line);
    if (this.#header === null) return this.#find("malformed", "comes before the header");
    if (this.#ended) return this.#find("malformed", "comes after the footer");
    if (line.type === "record") return this.#record(line);
    if (line.type === "leaf") return this.#leaf(line);
    this.#ended = true;
    if (line.records !== this.#records)
      this.#find("cut_off", `the footer counts ${line.records} records, the file has ${this.#records}`);
    return undefined;
  }

  end(): Verified {
    this.#line = 0;
    if (this.#header === null) this.#find("malformed", "has no header");
    else if (!this.#ended) this.#find("cut_off", "has no footer");
    this.#compareEnds();
    const { complete, from, to } = this.#header ?? { complete: false, from: null, to: null };
    const whole = complete && from === null && to === null;
    for (const index of whole ? this.#without : [])
      this.#find("removed", `the record of leaf ${index} is not there`, { leafIndex: index });
    return {
      header: this.#header,
      checkpoint: this.#checkpoint,
      records: this.#records,
      erased: this.#erased,
      without: this.#without,
      findings: this.#findings,
    };
  }

  async #begin(header: ExportHeader): Promise<void> {
    if (this.#header !== null) return this.#find("malformed", "is a second header");
    this.#header = header;
    this.#next = header.first_index;
    if (header.complete && header.first_index === 0) this.#tree = emptyFrontier;
    const opened = await openNote(header.checkpoint, this.#trust.keys ?? [header.verifier_key]);
    this.#checkpoint = opened === null ? null : parseCheckpoint(opened.text);
    if (this.#checkpoint === null) this.#find("not_signed", "the checkpoint is not signed with a key that is trusted");
    else if (!this.#checkpoint.origin.endsWith(`/${header.region}/${header.customer_id}`))
      this.#find("not_signed", "the checkpoint is another log's");
    else this.#compareCheckpoints(this.#checkpoint, header);
    return undefined;
  }

  #compareCheckpoints({ size }: Checkpoint, { complete, from, to, first_index, last_index }: ExportHeader): void {
    for (const kept of this.#kept()) {
      if (kept.size > size)
        this.#find("cut_off", `a checkpoint that was kept has ${kept.size} leaves, this one ${size}`, {
          leafIndex: size,
        });
    }
    if (complete && from === null && to === null && (first_index !== 0 || last_index !== size - 1))
      this.#find("cut_off", `is said to be whole, but has leaves ${first_index} to ${last_index} of ${size}`);
  }

  #kept(): Checkpoint[] {
    return this.#trust.checkpoints.filter(({ origin }) => origin === this.#checkpoint?.origin);
  }

  #record(line: ExportRecord): void {
    const { record, personal, leaf_index: leafIndex } = line;
    const about = { leafIndex, recordId: record.id };
    this.#records += 1;
    if (line.erased) this.#erased += 1;
    if (record.customer_id !== this.#header?.customer_id) this.#find("malformed", "is another customer's", about);
    const hash = leafHash(leafBytes(record));
    this.#place(leafIndex, hash, record.id);
    if (this.#checkpoint !== null && !this.#isIn(leafIndex, hash, line.proof))
      this.#find("changed", `the record ${record.id} at leaf ${leafIndex} is not the one that was recorded`, about);
    const committed =
      personal === null ||
      commit(Buffer.from(personal.salt, "base64"), personalBytes(personal)) === record.personal_commitment;
    if (!committed)
      this.#find(
        "personal_changed",
        `the personal fields of ${record.id} at leaf ${leafIndex} are not those recorded`,
        about,
      );
  }

  #leaf(line: ExportLeaf): void {
    const hash = Uint8Array.from(Buffer.from(line.leaf_hash, "base64"));
    this.#place(line.leaf_index, hash, undefined);
    this.#without.add(line.leaf_index);
    if (this.#checkpoint !== null && !this.#isIn(line.leaf_index, hash, line.proof))
      this.#find("changed", `leaf ${line.leaf_index} is not in the tree`, { leafIndex: line.leaf_index });
  }

  #isIn(index: number, hash: Uint8Array, proof: readonly string[]): boolean {
    const { size, root } = this.#checkpoint ?? { size: 0, root: new Uint8Array() };
    const hashes = proof.map((text) => Uint8Array.from(Buffer.from(text, "base64")));
    return verifyInclusion({ index, size, leafHash: hash, hashes, root });
  }

  /** Leaves come in the order of the tree, in a complete file without a gap. */
  #place(index: number, hash: Uint8Array, recordId: string | undefined): void {
    const about = recordId === undefined ? { leafIndex: index } : { leafIndex: index, recordId };
    if (index < this.#next) {
      const late = this.#without.delete(index);
      this.#find(late ? "reordered" : "duplicate", `leaf ${index} comes after leaf ${this.#next - 1}`, about);
      return;
    }
    if (this.#header?.complete === true) {
      if (index - this.#next > maximumGap)
        this.#find("cut_off", `leaves ${this.#next} to ${index - 1} are missing`, about);
      else for (let missing = this.#next; missing < index; missing++) this.#without.add(missing);
      this.#grow(index, hash);
    }
    this.#next = index + 1;
  }

  #grow(index: number, hash: Uint8Array): void {
    if (this.#tree?.size !== index) {
      this.#tree = null;
      return;
    }
    this.#tree = appendLeaves(this.#tree, [hash]).frontier;
    for (const kept of this.#kept()) {
      if (kept.size === this.#tree.size && !Buffer.from(kept.root).equals(rootOf(this.#tree)))
        this.#find("inconsistent", `a checkpoint of ${kept.size} leaves that was kept has another root`, {
          leafIndex: index,
        });
    }
  }

  #compareEnds(): void {
    if (this.#header?.complete === true && this.#next !== this.#header.last_index + 1 && this.#header.last_index >= 0)
      this.#find("cut_off", `ends at leaf ${this.#next - 1}, not at ${this.#header.last_index}`, {
        leafIndex: this.#next,
      });
  }

  #find(kind: Finding["kind"], message: string, about: { leafIndex?: number; recordId?: string } = {}): void {
    this.#findings.push({ kind, line: this.#line, message, ...about });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
