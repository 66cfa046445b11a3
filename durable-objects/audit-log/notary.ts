import { formatCheckpoint, parseCheckpoint } from "./checkpoint/checkpoint.ts";
import { formatVerifierKey, openNote, signNote, type NoteSigner } from "./checkpoint/note.ts";
import type { AuditStore } from "./store.ts";
import { rootOf, type Frontier } from "./tree/frontier.ts";
import { frontierAt } from "./tree/proofs.ts";

/** What the notary reaches. */
export interface NotaryPorts {
  readonly store: AuditStore;
  readonly signer: (customerId: string) => Promise<NoteSigner>;
  /** The name of a customer's log, the first line of its checkpoints. */
  readonly originOf: (customerId: string) => string;
  /** Puts a signed checkpoint into the region's bucket. */
  readonly publish: (customerId: string, size: number, note: string) => Promise<void>;
  /** The checkpoint that was published last, null if there is none. */
  readonly published: (customerId: string) => Promise<string | null>;
}

/** A signed checkpoint, or the reason why none is signed: what Postgres has does not continue what was signed before. */
export type Signed =
  | { readonly kind: "signed"; readonly size: number; readonly note: string }
  | { readonly kind: "tampered"; readonly signedSize: number; readonly size: number };

interface Last {
  readonly size: number;
  readonly root: string;
  readonly note: string;
}

/**
 * Signs checkpoints of customers' trees. It remembers, in the object's own storage and not in Postgres, what it signed last, and signs
 * nothing that does not contain it: cutting off the newest records, or rewriting signed ones, never gets a signature.
 */
export class Notary {
  readonly #ports: NotaryPorts;
  readonly #kv: SyncKvStorage;

  constructor(kv: SyncKvStorage, ports: NotaryPorts) {
    this.#kv = kv;
    this.#ports = ports;
  }

  /** Signs a customer's tree as it is in the store, and publishes it before it is remembered or told. */
  async sign(customerId: string, frontier: Frontier): Promise<Signed> {
    const last = this.#kv.get<Last>(`signed:${customerId}`) ?? (await this.#lastPublished(customerId));
    if (last !== undefined && !(await this.#continues(customerId, frontier, last))) {
      const alert = {
        level: "error",
        event: "audit.tampered",
        customer: customerId,
        signed: last.size,
        found: frontier.size,
      };
      console.error(JSON.stringify(alert));
      return { kind: "tampered", signedSize: last.size, size: frontier.size };
    }
    if (last !== undefined && last.size === frontier.size) return { kind: "signed", size: last.size, note: last.note };
    const { size } = frontier;
    const root = rootOf(frontier);
    const text = formatCheckpoint({ origin: this.#ports.originOf(customerId), size, root });
    const note = await signNote(text, await this.#ports.signer(customerId));
    await this.#ports.publish(customerId, size, note);
    await this.#ports.store.keepCheckpoint(customerId, size, note);
    this.#kv.put(`signed:${customerId}`, { size, root: Buffer.from(root).toString("base64"), note } satisfies Last);
    return { kind: "signed", size, note };
  }

  /** What another object signed last, when customers were divided among shards anew. A note that is not ours is no checkpoint. */
  async #lastPublished(customerId: string): Promise<Last | undefined> {
    const note = await this.#ports.published(customerId);
    if (note === null) return undefined;
    const { name, publicKey } = await this.#ports.signer(customerId);
    const opened = await openNote(note, [formatVerifierKey(name, publicKey)]);
    const checkpoint = opened === null ? null : parseCheckpoint(opened.text);
    if (checkpoint === null) throw new Error("the last checkpoint in the bucket is not ours");
    return { size: checkpoint.size, root: Buffer.from(checkpoint.root).toString("base64"), note };
  }

  /** Whether the tree that the store has now begins with the one that was signed last. */
  async #continues(customerId: string, now: Frontier, last: Last): Promise<boolean> {
    if (now.size < last.size) return false;
    const then = now.size === last.size ? now : await frontierAt(this.#ports.store.hashesOf(customerId), last.size);
    return Buffer.from(rootOf(then)).toString("base64") === last.root;
  }
}
