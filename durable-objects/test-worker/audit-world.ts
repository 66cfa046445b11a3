import { exportJWK, generateKeyPair } from "jose";
import { importSealingKey, type SealingKey } from "../../schema/audit/message.ts";
import type { AuditLogPorts } from "../audit-log/audit-log.ts";
import type { Append, Appended, AuditStore, PlacedRecord, StoredDataKey } from "../audit-log/store.ts";

/** How the store behaves at its next appends: as it should, away, or committing and then losing the connection. */
export type Mood = "well" | "away" | "lost after the commit";

/** How long a log of these tests may go without a checkpoint, in milliseconds. */
export const checkpointMs = 3_600_000;

/** What stands in for Postgres, the bucket and the keys: it refuses what Postgres would, a key that is taken. */
class AuditWorld {
  mood: Mood = "well";
  /** How long an append takes, in milliseconds. */
  appendMs = 0;
  appending = 0;
  /** The most appends at a time since a test set it to 0. */
  mostAppending = 0;
  /** What the database refuses for good, by action. */
  refused = "";
  readonly records = new Map<string, PlacedRecord>();
  readonly nodes = new Map<string, Uint8Array>();
  readonly dataKeys = new Map<string, StoredDataKey>();
  readonly bucket = new Map<string, string>();
  readonly buried: string[] = [];
  /** How far the clock of the logs is ahead, in milliseconds. */
  aheadMs = 0;
  /** The entries of each report of a log. */
  readonly observed: number[] = [];
  /** How often a log has released its connection. */
  released = 0;
  publicKey!: SealingKey;
  #privateKey!: SealingKey;
  #signing!: CryptoKeyPair;
  #signingRaw!: Uint8Array;

  /** Makes the keys, once. */
  async prepare(): Promise<void> {
    const pair = await generateKeyPair("ECDH-ES", { crv: "X25519", extractable: true });
    this.publicKey = await importSealingKey({ ...(await exportJWK(pair.publicKey)), kid: "test" });
    this.#privateKey = await importSealingKey({ ...(await exportJWK(pair.privateKey)), kid: "test" });
    this.#signing = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
    this.#signingRaw = new Uint8Array((await crypto.subtle.exportKey("raw", this.#signing.publicKey)) as ArrayBuffer);
  }

  /** The records of a customer, in the order of its tree. */
  log(customerId: string): PlacedRecord[] {
    const own = [...this.records.values()].filter((record) => record.customer_id === customerId);
    return own.toSorted((a, b) => a.leafIndex - b.leafIndex);
  }

  ports(): AuditLogPorts {
    return {
      region: "eu",
      store: this.#store(),
      sealingKeys: async () => [this.#privateKey],
      wrap: async (_subject, key) => key,
      unwrap: async (_subject, wrapped) => wrapped,
      signer: async (customerId) => ({
        name: this.originOf(customerId),
        privateKey: this.#signing.privateKey,
        publicKey: this.#signingRaw,
      }),
      originOf: (customerId) => this.originOf(customerId),
      publish: async (customerId, _size, note) => {
        this.bucket.set(customerId, note);
      },
      published: async (customerId) => this.bucket.get(customerId) ?? null,
      bury: async (_message, reason) => {
        this.buried.push(reason);
      },
      checkpointMs,
      now: () => Date.now() + this.aheadMs,
      observe: ({ entries }) => {
        this.observed.push(entries);
      },
    };
  }

  originOf(customerId: string): string {
    return `test/eu/${customerId}`;
  }

  #store(): AuditStore {
    return {
      append: async (append) => {
        this.appending += 1;
        this.mostAppending = Math.max(this.mostAppending, this.appending);
        try {
          if (this.appendMs > 0) await new Promise((done) => setTimeout(done, this.appendMs));
          return this.#append(append);
        } finally {
          this.appending -= 1;
        }
      },
      existing: async (records) => new Set(records.map(({ id }) => id).filter((id) => this.records.has(id))),
      dataKeys: async (subjects) =>
        subjects.flatMap((one) => this.dataKeys.get(`${one.customerId}/${one.subjectId}`) ?? []),
      treeSize: async (customerId) => {
        if (this.mood === "away") throw new Error("Postgres is away");
        let size = 0;
        while (this.nodes.has(`${customerId}/0/${size}`)) size += 1;
        return size;
      },
      hashesOf: (customerId) => ({
        nodes: async (level, first, count) =>
          Array.from({ length: count }, (_, at) => {
            const hash = this.nodes.get(`${customerId}/${level}/${first + at}`);
            if (hash === undefined) throw new Error("nodes are missing");
            return hash;
          }),
      }),
      keepCheckpoint: async () => undefined,
      release: async () => {
        this.released += 1;
      },
    };
  }

  #append({ records, nodes, keys }: Append): Appended {
    if (this.mood === "away") throw new Error("Postgres is away");
    if (records.some((record) => record.action === this.refused)) return { kind: "refused", code: "22000" };
    const placed = nodes.flatMap(({ customerId, level, first, hashes }) =>
      hashes.map((hash, at) => [`${customerId}/${level}/${first + at}`, hash] as const),
    );
    const taken =
      records.some(({ id }) => this.records.has(id)) ||
      placed.some(([place]) => this.nodes.has(place)) ||
      keys.some((key) => this.dataKeys.has(`${key.customerId}/${key.subjectId}`));
    if (taken) return { kind: "overtaken" };
    for (const record of records) this.records.set(record.id, record);
    for (const [place, hash] of placed) this.nodes.set(place, hash);
    for (const key of keys) this.dataKeys.set(`${key.customerId}/${key.subjectId}`, key);
    if (this.mood === "lost after the commit") throw new Error("the connection was lost");
    return { kind: "appended" };
  }
}

/** The one world of a test file. */
export const auditWorld = new AuditWorld();
