import type { GateStorage, KnownSession } from "./storage.ts";

/** A token lives an hour at most, so a tombstone of two outlives every token of its session. */
const tombstoneMs = 2 * 3_600_000;

/** The sessions of one user, in memory and in the Gate's SQLite. */
export class GateSessions {
  readonly #storage: GateStorage;
  readonly #known: Map<string, KnownSession>;

  constructor(storage: GateStorage) {
    this.#storage = storage;
    this.#known = storage.readSessions();
  }

  /** Whether the session may be used at `now`; "unknown" if Postgres has to be asked. Only an ended one can never be extended. */
  state(id: string, now: number): "live" | "expired" | "ended" | "unknown" {
    const session = this.#known.get(id);
    if (session === undefined) return "unknown";
    if (session.ended) return "ended";
    return session.expiresAt > now ? "live" : "expired";
  }

  /** Ends sessions permanently, known or not. */
  end(ids: readonly string[], now: number): void {
    for (const id of ids) this.#put(id, { expiresAt: now + tombstoneMs, ended: true });
  }

  /** Moves the end of a session that has not ended. */
  extend(id: string, expiresAt: number): void {
    const session = this.#known.get(id);
    if (session !== undefined && !session.ended) this.#put(id, { expiresAt, ended: false });
  }

  /**
   * Takes over what Postgres has as live. A tombstone stays; a session that Postgres no longer has as live ends, which heals
   * a sign-out whose message to the Gate was lost. Rows that no token can name any more are forgotten.
   */
  merge(live: readonly { readonly id: string; readonly expires_at: number }[], now: number): void {
    const fresh = new Map(live.map((session) => [session.id, session.expires_at]));
    for (const [id, session] of this.#known) {
      if (session.ended && session.expiresAt <= now) this.#forget(id);
      else if (!session.ended && !fresh.has(id)) this.end([id], now);
    }
    for (const [id, expiresAt] of fresh) {
      const session = this.#known.get(id);
      if (session?.ended || session?.expiresAt === expiresAt) continue;
      this.#put(id, { expiresAt: Math.max(expiresAt, session?.expiresAt ?? 0), ended: false });
    }
  }

  #put(id: string, session: KnownSession): void {
    this.#known.set(id, session);
    this.#storage.writeSession(id, session);
  }

  #forget(id: string): void {
    this.#known.delete(id);
    this.#storage.deleteSession(id);
  }
}
