import { DurableObject } from "cloudflare:workers";
import { LRUCache } from "lru-cache";
import type { AdmitAnswer, AdmitCall, GateFacts, PrincipalRecord, Proof } from "../../schema/admission.ts";
import type { Tier } from "../../schema/config.ts";
import type { Role } from "../../schema/principal.ts";
import { decide, emptyLedger, type Ledger } from "./decide.ts";
import { sameHash } from "./same-hash.ts";
import { GateSessions } from "./sessions.ts";
import { GateStorage, type Profile } from "./storage.ts";

/** What a Gate needs from the Worker it runs in. */
export interface GatePorts {
  /** The tier of an API key, or the customer's when the key has none. Rejects when configuration cannot be had. */
  tierOf(customerId: string, keyTier: string | null): Promise<Tier>;
  /** The principal as Postgres has it, null if it has not. Rejects when Postgres cannot be asked. */
  loadPrincipal(id: string): Promise<PrincipalRecord | null>;
}

/** Age at which a warm Gate compares itself with Postgres, in milliseconds. */
const recheckMs = 300_000;
/** For how long a session that Postgres does not know is not asked about again, in milliseconds. */
const unknownMs = 10_000;

/**
 * The Gate of one principal: says whether a proof is still good and whether there are tokens, at once and atomically.
 * Named by the principal's id, pinned to its home jurisdiction. Memory is a cache of its SQLite, which is a cache of Postgres,
 * tombstones and levels excepted: those are true here first.
 */
export class GateObject<Env = unknown> extends DurableObject<Env> {
  readonly #ports: GatePorts;
  readonly #storage: GateStorage;
  readonly #sessions: GateSessions;
  readonly #unknown = new LRUCache<string, true>({ max: 1000, ttl: unknownMs });
  #profile: Profile | null;
  #ledger: Ledger;
  #tier: Tier | null = null;
  #clock = 0;
  #checkedAt = 0;
  /** A load that read a lower version was overtaken by a change and must be repeated. */
  #leastVersion = 0;
  #loading: Promise<void> | null = null;

  constructor(ctx: DurableObjectState, env: Env, ports: GatePorts) {
    super(ctx, env);
    this.#ports = ports;
    this.#storage = new GateStorage(ctx.storage);
    this.#sessions = new GateSessions(this.#storage);
    this.#profile = this.#storage.readProfile();
    this.#ledger = this.#storage.readLedger(this.#now()) ?? emptyLedger;
    this.#checkedAt = this.#storage.readCheckedAt();
  }

  /** Decides about waiting requests. Everything before the decision may wait; the decision itself does not. */
  async admit(call: AdmitCall): Promise<AdmitAnswer> {
    try {
      await this.#know(call.proofs);
      if (this.#profile === null) {
        const verdicts = call.proofs.map(() => ({ kind: "refused" }) as const);
        return { kind: "decided", facts: null, verdicts, usage: 0, reuseForMs: 0 };
      }
      const tier = await this.#tierOf(this.#profile);
      return this.#decide(this.#profile, tier, call);
    } catch (error) {
      console.error(JSON.stringify({ level: "error", event: "gate.unavailable", error: errorName(error) }));
      return { kind: "unavailable", retryAfterSeconds: 2 };
    }
  }

  /** Ends sessions of this user for good, whether this Gate has seen them or not. */
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

  #decide(profile: Profile, tier: Tier, call: AdmitCall): AdmitAnswer {
    const now = this.#now();
    const holds = (proof: Proof): boolean => this.#holds(profile, proof, now);
    const decision = decide(this.#ledger, tier, call.proofs, holds, call.alreadyServed, now);
    this.#ledger = decision.ledger;
    if (decision.stored) this.#storage.writeLedger(decision.stored, this.#checkedAt);
    return {
      kind: "decided",
      facts: factsOf(profile, tier),
      verdicts: decision.verdicts,
      usage: decision.ledger.usage,
      reuseForMs: tier.unlimited ? tier.recheck_seconds * 1000 : 0,
    };
  }

  #holds(profile: Profile, proof: Proof, now: number): boolean {
    if (profile.status !== "active") return false;
    if (profile.type === "user") {
      return proof.kind === "session" && this.#sessions.state(proof.sessionId, now) === "live";
    }
    if (profile.expires_at !== null && profile.expires_at <= now) return false;
    return proof.kind === "secret" && sameHash(proof.hash, profile.secret_hash);
  }

  /** Loads what the proofs need and memory lacks; twice if the first load had begun before this call. */
  async #know(proofs: readonly Proof[]): Promise<void> {
    for (let attempt = 0; attempt < 2 && this.#lacks(proofs); attempt++) {
      // oxlint-disable-next-line no-await-in-loop -- the second load depends on what the first one found
      await this.#load();
    }
    if (this.#profile === null) return;
    for (const proof of proofs) {
      if (proof.kind === "session" && this.#isUnknown(proof.sessionId)) this.#unknown.set(proof.sessionId, true);
    }
    if (this.#now() - this.#checkedAt > recheckMs) this.#recheck();
  }

  #lacks(proofs: readonly Proof[]): boolean {
    if (this.#profile === null) return true;
    return proofs.some(
      (proof) => proof.kind === "session" && this.#isUnknown(proof.sessionId) && !this.#unknown.has(proof.sessionId),
    );
  }

  #isUnknown(sessionId: string): boolean {
    return this.#sessions.state(sessionId, this.#now()) === "unknown";
  }

  #recheck(): void {
    this.#checkedAt = this.#now();
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
