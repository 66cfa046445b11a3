import { DurableObject } from "cloudflare:workers";
import type { AdmitAnswer, AdmitCall, GateFacts, PrincipalRecord, Proof } from "../../schema/admission.ts";
import type { Tier } from "../../schema/config.ts";
import type { Role } from "../../schema/principal.ts";
import { ExpiringCache } from "../expiring-cache.ts";
import { decide, emptyLedger, type Ledger } from "./decide.ts";
import { restore, type LedgerRow } from "./lease.ts";
import type { LedgerMemory } from "./ledger-memory.ts";
import { GateSessions } from "./sessions.ts";
import { standingOf, unknownMs } from "./standing.ts";
import { GateStorage, type Profile } from "./storage.ts";

/** What a Gate needs from the Worker it runs in. */
export interface GatePorts {
  /** The tier of an API key, or the customer's when the key has none. Rejects when configuration cannot be had. */
  tierOf(customerId: string, keyTier: string | null): Promise<Tier>;
  /** The principal as Postgres has it, null if it has not. Rejects when Postgres cannot be asked. */
  loadPrincipal(id: string): Promise<PrincipalRecord | null>;
  /** The ledgers of this isolate, one memory for all its Gates. */
  readonly ledgers: LedgerMemory;
}

/** Age at which a warm Gate compares itself with Postgres, in milliseconds. */
const recheckMs = 300_000;

/** For how long isolates may remember a used-up quota at most, in milliseconds: a tier that was raised must be noticed. */
const limitedMs = 5000;

/**
 * The Gate of one principal: says whether a proof is still good and whether there are tokens, at once and atomically.
 * Named by the principal's id, pinned to its home jurisdiction. Memory is a cache of its SQLite, which is a cache of Postgres,
 * tombstones and levels excepted: those are true here first.
 */
export class GateObject<Env = unknown> extends DurableObject<Env> {
  readonly #ports: GatePorts;
  readonly #storage: GateStorage;
  readonly #sessions: GateSessions;
  /** Sessions that Postgres did not know. */
  readonly #unknown = new ExpiringCache<true>(1000);
  #profile: Profile | null;
  #ledger: Ledger;
  /** The id of the stored row of the ledger; null before the first. */
  #rowId: string | null;
  #tier: Tier | null = null;
  #clock = 0;
  #checkedAt: number;
  /** A load that read a lower version was overtaken by a change and must be repeated. */
  #leastVersion = 0;
  #loading: Promise<void> | null = null;

  constructor(ctx: DurableObjectState, env: Env, ports: GatePorts) {
    super(ctx, env);
    this.#ports = ports;
    this.#storage = new GateStorage(ctx.storage);
    this.#sessions = new GateSessions(this.#storage);
    this.#profile = this.#storage.readProfile();
    const stored = this.#storage.readLedger();
    this.#rowId = stored?.id ?? null;
    this.#checkedAt = stored?.checkedAt ?? 0;
    const restored = stored && { buckets: restore(stored, this.#now()), usage: stored.usage, row: null };
    this.#ledger = (stored && ports.ledgers.find(ctx.id.toString(), stored.id)) ?? restored ?? emptyLedger;
  }

  /** Decides about one request. Everything before the decision may wait; the decision itself does not. */
  async admit({ proof, alreadyServed }: AdmitCall): Promise<AdmitAnswer> {
    try {
      await this.#know(proof);
      if (this.#profile === null) return { kind: "refused", repeatForMs: unknownMs };
      const tier = await this.#tierOf(this.#profile);
      return this.#decide(this.#profile, tier, proof, alreadyServed);
    } catch (error) {
      console.error(JSON.stringify({ level: "error", event: "gate.unavailable", error: errorName(error) }));
      return { kind: "unavailable", retryAfterSeconds: 2 };
    }
  }

  /** Ends sessions of this user permanently, whether this Gate has seen them or not. */
  async endSessions(ids: string[]): Promise<void> {
    this.#sessions.end(ids, this.#now());
  }

  /** Moves the end of a renewed session; `expiresAt` in epoch milliseconds. */
  async extendSession(id: string, expiresAt: number): Promise<void> {
    this.#sessions.extend(id, expiresAt);
  }

  /** Tells the Gate of a committed change of its user. */
  async updateUser(change: { role: Role; status: "active" | "disabled"; version: number }): Promise<void> {
    this.#leastVersion = Math.max(this.#leastVersion, change.version);
    if (this.#profile?.type === "user" && change.version > this.#profile.version) {
      this.#keepProfile({ ...this.#profile, ...change });
    }
  }

  /** Tells the Gate of a committed change of its API key; "disabled" is revoked. */
  async updateKey(change: {
    status: "active" | "disabled";
    expires_at: number | null;
    version: number;
  }): Promise<void> {
    this.#leastVersion = Math.max(this.#leastVersion, change.version);
    if (this.#profile?.type === "api_key" && change.version > this.#profile.version) {
      this.#keepProfile({ ...this.#profile, ...change });
    }
  }

  #decide(profile: Profile, tier: Tier, proof: Proof, alreadyServed: number): AdmitAnswer {
    const now = this.#now();
    const standing = standingOf(profile, this.#sessions, proof, now);
    const { verdict, ledger, row } = decide(this.#ledger, tier, { standing, alreadyServed }, now);
    this.#keepLedger(ledger, row);
    const facts = factsOf(profile, tier);
    const { usage } = ledger;
    switch (verdict.kind) {
      case "refused":
        return { ...verdict, customer_id: facts.customer_id };
      case "limited":
        return { ...verdict, repeatForMs: limitedMs, facts, at: now, usage };
      case "admitted":
        return { ...verdict, facts, usage, reuseForMs: tier.unlimited ? tier.recheck_seconds * 1000 : 0 };
    }
  }

  #keepLedger(ledger: Ledger, row: LedgerRow | null): void {
    this.#ledger = ledger;
    if (row !== null) {
      this.#rowId = crypto.randomUUID();
      this.#storage.writeLedger({ ...row, id: this.#rowId, checkedAt: this.#checkedAt });
    }
    if (ledger.row !== null && this.#rowId !== null) {
      this.#ports.ledgers.keep(this.ctx.id.toString(), { rowId: this.#rowId, ledger });
    }
  }

  /** Loads what the proof needs and memory lacks; twice if the first load had begun before this call. */
  async #know(proof: Proof): Promise<void> {
    for (let attempt = 0; attempt < 2 && this.#lacks(proof); attempt++) {
      // oxlint-disable-next-line no-await-in-loop -- the second load depends on what the first one found
      await this.#load();
    }
    if (this.#profile === null) return;
    const now = this.#now();
    if (proof.kind === "session" && this.#sessions.state(proof.sessionId, now) === "unknown") {
      this.#unknown.set(proof.sessionId, true, now + unknownMs);
    }
    if (now - this.#checkedAt > recheckMs) this.#recheck();
  }

  #lacks(proof: Proof): boolean {
    if (this.#profile === null) return true;
    if (proof.kind !== "session") return false;
    const now = this.#now();
    return this.#sessions.state(proof.sessionId, now) === "unknown" && !this.#unknown.get(proof.sessionId, now);
  }

  #recheck(): void {
    this.#checkedAt = this.#now();
    // The time is stored with the next spending.
    this.#ledger = { ...this.#ledger, row: null };
    const load = this.#load().catch((error: unknown) => {
      console.warn(JSON.stringify({ level: "warn", event: "gate.recheck_failed", error: errorName(error) }));
    });
    this.ctx.waitUntil(load);
  }

  #load(): Promise<void> {
    this.#loading ??= this.#loadNow().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async #loadNow(attempt = 1): Promise<void> {
    const id = this.ctx.id.name;
    if (id === undefined) throw new Error("a Gate is reached by name");
    const record = await this.#ports.loadPrincipal(id);
    this.#checkedAt = this.#now();
    if (record === null) {
      if (this.#profile !== null) this.#keepProfile({ ...this.#profile, status: "disabled" });
      return;
    }
    if (record.version < this.#leastVersion) {
      if (attempt === 3) throw new Error("Postgres stays behind what this Gate was told");
      return this.#loadNow(attempt + 1);
    }
    const { sessions, profile } = split(record);
    if (this.#profile === null || profile.version >= this.#profile.version) this.#keepProfile(profile);
    this.#sessions.merge(sessions, this.#now());
  }

  #keepProfile(profile: Profile): void {
    const unchanged = this.#profile !== null && JSON.stringify(this.#profile) === JSON.stringify(profile);
    this.#profile = profile;
    if (!unchanged) this.#storage.writeProfile(profile);
  }

  /** The tier, or the last one seen while configuration cannot be had. */
  async #tierOf(profile: Profile): Promise<Tier> {
    try {
      this.#tier = await this.#ports.tierOf(profile.customer_id, profile.type === "api_key" ? profile.tier : null);
    } catch (error) {
      if (this.#tier === null) throw error;
    }
    return this.#tier;
  }

  /** The object's one clock, epoch milliseconds. It never goes back while the object lives. */
  #now(): number {
    this.#clock = Math.max(this.#clock, Date.now());
    return this.#clock;
  }
}

function split(record: PrincipalRecord): { profile: Profile; sessions: readonly { id: string; expires_at: number }[] } {
  if (record.type === "api_key") return { profile: record, sessions: [] };
  const { sessions, ...profile } = record;
  return { profile, sessions };
}

function factsOf(profile: Profile, tier: Tier): GateFacts {
  const { id, customer_id } = profile;
  return profile.type === "user"
    ? { type: "user", id, customer_id, role: profile.role, tier: tier.name }
    : { type: "api_key", id, customer_id, scopes: profile.scopes, tier: tier.name };
}

function errorName(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
