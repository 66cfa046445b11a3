import { DurableObject } from "cloudflare:workers";
import type { AuditEntry } from "../../schema/audit/entry.ts";
import { logError } from "../log-error.ts";
import { Backlog, type Waiting } from "./backlog.ts";
import { commit, type Clock } from "./commit.ts";
import type { Accepted, KeyResult, SealedEvent, Verdict } from "./event.ts";
import type { EventWriterPorts } from "./ports.ts";
import { Recorder } from "./recorder.ts";
import { WakeUps } from "./wake-ups.ts";

/** Bounds what waits and what one commit takes, so that the object stays far below the memory of an isolate. */
const limits = { maximumEvents: 4000, maximumBytes: 24_000_000, batchEvents: 200, batchBytes: 4_000_000 };
/** The pause before events whose rows another transaction holds are tried again, in milliseconds. */
const busyMs = 20;
/** How often events that have waited too long are looked for, in milliseconds. */
const expiryMs = 250;

/**
 * Commits the events of a region's shard of customers. Events that arrive while a commit is under way wait, and the next commit takes
 * them together. Nothing is kept here: an event is answered when Postgres has it, and a caller whose call fails sends the same event
 * again. Payloads are sealed, and the object has no use for their keys.
 */
export class EventWriterObject<Env> extends DurableObject<Env> {
  readonly #ports: EventWriterPorts;
  readonly #backlog = new Backlog(limits);
  readonly #wakeUps: WakeUps;
  readonly #recorder: Recorder;
  #running = false;

  constructor(ctx: DurableObjectState, env: Env, ports: EventWriterPorts) {
    super(ctx, env);
    this.#ports = ports;
    this.#wakeUps = new WakeUps(ports.enqueue);
    this.#recorder = new Recorder(ports.record);
  }

  /**
   * Commits the events of one request. `entry`: the audit record of the request, which is sent if any of them was accepted; it names the
   * event of a request with one. Never rejects because of one event.
   */
  async accept(events: SealedEvent[], entry: AuditEntry | null): Promise<Accepted> {
    const verdicts = await this.#accept(events);
    const accepted = verdicts.filter((verdict) => verdict.kind === "accepted");
    if (entry === null || accepted.length === 0) return { verdicts, recorded: false };
    const resource_id = events.length === 1 ? (accepted[0]?.id ?? null) : null;
    return { verdicts, recorded: await this.#recorder.add({ ...entry, resource_id }) };
  }

  /** The data key that a customer's payloads are to be sealed under. */
  async dataKey(customerId: string): Promise<KeyResult> {
    try {
      const { version, wrapped } = await this.#ports.store.dataKey(customerId);
      return { kind: "found", version, wrapped };
    } catch (error) {
      logError("events.no_data_key", {}, error);
      return { kind: "unavailable" };
    }
  }

  #accept(events: readonly SealedEvent[]): Promise<Verdict[]> {
    const since = Date.now();
    const waiting = events.map((event) => {
      const { promise, resolve } = Promise.withResolvers<Verdict>();
      return { event, since, promise, settle: resolve };
    });
    if (!this.#backlog.add(waiting)) return Promise.resolve(events.map(() => ({ kind: "unavailable" })));
    if (!this.#running) this.ctx.waitUntil(this.#run());
    // Requests of one object share its I/O context, so one may wait for a promise that another resolves (unlike ADR 0009).
    return Promise.all(waiting.map(({ promise }) => promise));
  }

  /** Commits until nothing waits. */
  async #run(): Promise<void> {
    this.#running = true;
    const expiry = setInterval(() => this.#expire(), expiryMs);
    try {
      while (this.#backlog.size > 0) {
        const batch = this.#backlog.take();
        // oxlint-disable-next-line no-await-in-loop -- one commit at a time is what makes groups
        const busy = await this.#commit(batch);
        if (busy.length === 0) continue;
        this.#backlog.putBack(busy);
        this.#expire();
        // oxlint-disable-next-line no-await-in-loop -- the same
        await clock.pause(busyMs);
      }
    } finally {
      clearInterval(expiry);
      this.#running = false;
    }
    // An open connection keeps the object awake, and billed.
    await this.#ports.store.release();
  }

  /** Gives up on events that have waited too long: none of them is in a commit. */
  #expire(): void {
    for (const late of this.#backlog.takeOlderThan(Date.now() - this.#ports.waitMs))
      late.settle({ kind: "unavailable" });
  }

  /** Commits a batch and settles what it can; returns the events that are to be tried again. */
  async #commit(batch: readonly Waiting[]): Promise<Waiting[]> {
    const began = Date.now();
    const busy: Waiting[] = [];
    try {
      const events = batch.map(({ event }) => event);
      const { outcomes, due } = await commit(events, this.#ports.store, clock);
      for (const [at, one] of batch.entries()) {
        const outcome = outcomes[at] ?? { kind: "unavailable" };
        if (outcome.kind === "busy") busy.push(one);
        else one.settle(outcome);
      }
      const settled = batch.length - busy.length;
      if (settled > 0) this.#ports.observe({ events: settled, durationMs: Date.now() - began });
      if (due.length > 0) this.ctx.waitUntil(this.#wakeUps.add(due));
    } catch (error) {
      // A bug. Without this the callers would wait until their calls time out.
      logError("events.not_committed", {}, error);
      for (const one of batch) one.settle({ kind: "unavailable" });
    }
    return busy;
  }
}

const clock: Clock = {
  now: () => Date.now(),
  pause: (ms) =>
    new Promise((resolve) => {
      setTimeout(resolve, ms);
    }),
};
