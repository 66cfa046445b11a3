import type { PrincipalRecord } from "../../schema/admission.ts";
import type { Ledger } from "./decide.ts";
import { noLease, restore } from "./lease.ts";
import type { Buckets } from "./token-bucket.ts";

/** A session as the Gate remembers it. An ended one is a tombstone that no later load can lift. */
export interface KnownSession {
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  readonly ended: boolean;
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

  /** The ledger as a crash left it. */
  readLedger(now: number): Ledger | null {
    const stored = this.#kv.get<{ buckets: Buckets; usage: number }>("ledger");
    return stored ? { buckets: restore(stored.buckets, now), lease: noLease, usage: stored.usage } : null;
  }

  /** When the Gate last compared itself with Postgres, epoch milliseconds; it travels with the ledger and costs no write. */
  readCheckedAt(): number {
    return this.#kv.get<{ checkedAt?: number }>("ledger")?.checkedAt ?? 0;
  }

  /** Stores levels that a lease was taken from. The output gate holds the answer until it is durable. */
  writeLedger(stored: { readonly buckets: Buckets; readonly usage: number }, checkedAt: number): void {
    this.#kv.put("ledger", { ...stored, checkedAt });
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
