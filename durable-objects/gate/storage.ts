import type { PrincipalRecord } from "../../schema/admission.ts";
import type { LedgerRow } from "./lease.ts";

/** A session as the Gate remembers it. An ended one is a tombstone that no later load can lift. */
export interface KnownSession {
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  readonly ended: boolean;
}

/** A row of the ledger as it is stored. */
export interface StoredLedger extends LedgerRow {
  /** Random, new with each write. */
  readonly id: string;
  /** When the Gate last compared itself with Postgres, epoch milliseconds. It travels with the ledger and costs no write. */
  readonly checkedAt: number;
}

/** What a Gate knows of its principal, without the sessions. */
export type Profile =
  | Omit<Extract<PrincipalRecord, { type: "user" }>, "sessions">
  | Extract<PrincipalRecord, { type: "api_key" }>;

/**
 * The Gate's own SQLite, by its synchronous key-value face
 * (https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/#synchronous-kv-api).
 * Keys: `profile`, `ledger`, `session:<id>`.
 */
export class GateStorage {
  readonly #kv: SyncKvStorage;

  constructor(storage: DurableObjectStorage) {
    this.#kv = storage.kv;
  }

  /** The profile, if one was ever loaded. */
  readProfile(): Profile | null {
    return this.#kv.get<Profile>("profile") ?? null;
  }

  /** Keeps the profile. */
  writeProfile(profile: Profile): void {
    this.#kv.put("profile", profile);
  }

  /** The ledger's row, if one was ever written. Rows of before the lease was stored have it subtracted already. */
  readLedger(): StoredLedger | null {
    const stored = this.#kv.get<Omit<StoredLedger, "id" | "lease">>("ledger");
    return stored === undefined ? null : { id: "", lease: 0, ...stored };
  }

  /** Stores the ledger's row. The output gate holds the answer until it is durable. */
  writeLedger(stored: StoredLedger): void {
    this.#kv.put("ledger", stored);
  }

  /** Every remembered session. */
  readSessions(): Map<string, KnownSession> {
    const rows = [...this.#kv.list<KnownSession>({ prefix: "session:" })];
    return new Map(rows.map(([key, session]) => [key.slice("session:".length), session]));
  }

  /** Keeps a session or its tombstone. */
  writeSession(id: string, session: KnownSession): void {
    this.#kv.put(`session:${id}`, session);
  }

  /** Forgets a session whose tokens have all expired. */
  deleteSession(id: string): void {
    this.#kv.delete(`session:${id}`);
  }
}
