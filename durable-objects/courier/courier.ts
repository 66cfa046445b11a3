import { DurableObject } from "cloudflare:workers";
import { concurrentTries, hasFailedTooLong, nextStep, redrive, type Result } from "./policy.ts";
import { post } from "./post.ts";
import { Probe } from "./probe.ts";
import { Results } from "./results.ts";
import { Signal, within } from "./signal.ts";
import type { CourierPorts, Outgoing, Pulled } from "./ports.ts";

/** Deliveries read at once. */
const pullRows = 25;
/** What has waited here for so long is read again: it may have been parked, its secret rotated, its endpoint deleted. In milliseconds. */
const staleMs = 2000;
/** Results written at once. */
const writeRows = 100;
/** By when work that was begun is looked at again, should the object have died meanwhile, in milliseconds. */
const safetyMs = 35_000;
/** How long one alarm stays with the work, in milliseconds. */
const alarmMs = 300_000;
/** What is due so soon is waited for; what is due later comes back through the queue. In milliseconds. */
const nearMs = 2500;
/** How long after its time a delivery is looked at although no message has come, in milliseconds. */
const overdueMs = 1000;
/** The pause after Postgres was away, in milliseconds. */
const awayMs = 5000;
/** An endpoint that has not been read. */
const none = { nextDue: null, parkedDue: null, failingSince: null, enabled: false };

/**
 * Delivers to one endpoint. What is due, Postgres knows; a message only says that it is time to look. At most five tries are under way at
 * once (one, and in order, where the endpoint asked for that). A result is kept here until Postgres has it: what was delivered is never posted
 * again, but where the object died between an answer and its result.
 */
export class CourierObject<Env> extends DurableObject<Env> {
  readonly #ports: CourierPorts;
  readonly #results: Results;
  readonly #probe: Probe;
  /** Deliveries in hand: read and waiting, or under way. */
  #ready: Outgoing[] = [];
  #readyAt = 0;
  readonly #active = new Set<string>();
  /** The endpoint as it was last read, with what is known since. */
  #endpoint: Pulled | null = null;
  /** When the next dead letters may be taken up, and the next try may begin, epoch milliseconds. */
  #redriveAt = 0;
  #nextStart = 0;
  /** Whether there may be something due that has not been read. */
  #more = false;
  #awayUntil = 0;
  #running: Promise<void> | null = null;
  readonly #signal = new Signal();
  #alarmAt: number | null = null;

  constructor(ctx: DurableObjectState, env: Env, ports: CourierPorts) {
    super(ctx, env);
    this.#ports = ports;
    this.#results = new Results(ctx.storage.sql);
    this.#probe = new Probe(ctx.storage.kv);
  }

  /** Says that something is due at the endpoint. When this resolves, the object will look, even if it dies meanwhile. */
  async wake(endpointId: string): Promise<void> {
    if (this.ctx.storage.kv.get("endpoint") === undefined) this.ctx.storage.kv.put("endpoint", endpointId);
    await this.#alarmBy(Date.now() + safetyMs);
    this.#more = true;
    this.ctx.waitUntil(this.#run());
  }

  /** Takes up what was left, and probes when it is time to. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    this.#more = true;
    const done = this.#run();
    // Waited for, so that the runtime comes again if the object dies; but an alarm may not last longer than a quarter of an hour.
    await within(done, alarmMs);
    if (this.#running !== null) await this.#alarmBy(Date.now() + 1);
  }

  /** Works until nothing is due; those who come meanwhile join in. */
  #run(): Promise<void> {
    this.#signal.raise();
    this.#running ??= this.#work();
    return this.#running;
  }

  async #work(): Promise<void> {
    try {
      // oxlint-disable-next-line no-await-in-loop -- a round after the other
      while (await this.#round());
    } catch (error) {
      // Postgres, or the configuration, is away: nothing is lost, and it is looked at again.
      this.#awayUntil = Date.now() + awayMs;
      this.#results.spill();
      const name = error instanceof Error ? error.name : typeof error;
      console.error(
        JSON.stringify({ level: "error", event: "courier.paused", endpoint: this.#endpointId, error: name }),
      );
    } finally {
      // In one step with the last look at what is to be done: who comes after this begins anew.
      this.#running = null;
    }
    if (this.#more && Date.now() >= this.#awayUntil) return this.#run();
    await this.#setNextAlarm();
  }

  /** Writes, reads and begins what there is, then waits for something to happen. False when there is nothing to wait for. */
  async #round(): Promise<boolean> {
    // While Postgres is away nothing can be read or written: what is under way ends by itself, and the alarm goes on from there.
    if (Date.now() < this.#awayUntil) return false;
    await this.#write();
    const now = Date.now();
    if (this.#dueAt <= now) this.#more = true;
    if (this.#more && this.#ready.length === 0) await this.#pull();
    const waitMs = this.#start();
    if (this.#more && this.#ready.length === 0) return true;
    if (this.#results.size > 0) return true;
    // With something in hand that there is no room for, what is due besides has to wait for it.
    const dueInMs = this.#more ? Infinity : this.#dueAt - Date.now();
    if (this.#active.size === 0 && this.#ready.length === 0 && dueInMs > nearMs) return false;
    await this.#signal.within(Math.max(1, Math.min(waitMs, dueInMs, safetyMs)));
    return true;
  }

  /** When something will be due that is not now, epoch milliseconds: a delivery, a dead letter to take up, a probe. */
  get #dueAt(): number {
    const { nextDue, parkedDue, failingSince, enabled } = this.#endpoint ?? none;
    if (!enabled) return Infinity;
    const parkedAt =
      failingSince === null ? Math.max(parkedDue ?? Infinity, this.#redriveAt) : (this.#probe.at ?? Infinity);
    return Math.min(nextDue ?? Infinity, parkedDue === null ? Infinity : parkedAt);
  }

  /** Begins tries as far as there is room for them; returns for how long there is not, in milliseconds. */
  #start(): number {
    if (Date.now() - this.#readyAt > staleMs && this.#ready.length > 0) {
      this.#ready = [];
      this.#more = true;
    }
    const room = this.#endpoint?.fifo === true ? 1 : concurrentTries;
    const { ratePerSecond = null } = this.#endpoint ?? {};
    while (this.#active.size < room) {
      const now = Date.now();
      if (ratePerSecond !== null && now < this.#nextStart) return this.#nextStart - now;
      const outgoing = this.#ready.shift();
      if (outgoing === undefined) break;
      if (ratePerSecond !== null) this.#nextStart = Math.max(now, this.#nextStart) + 1000 / ratePerSecond;
      this.#active.add(outgoing.deliveryId);
      this.ctx.waitUntil(this.#try(outgoing));
    }
    return safetyMs;
  }

  async #try(outgoing: Outgoing): Promise<void> {
    const { customerId, deliveryId, number } = outgoing;
    try {
      const attemptedAt = Date.now();
      const posted = await post(outgoing.webhook, this.#ports.timeoutMs);
      const step = nextStep(outgoing, posted, Date.now(), Math.random());
      const { statusCode, error, durationMs } = posted;
      const tried = { customerId, deliveryId, number, statusCode, error, durationMs, attemptedAt, ...step };
      const excerpt = posted.excerpt === null ? null : await outgoing.sealExcerpt(posted.excerpt);
      this.#results.keep({ ...tried, excerpt: excerpt === null ? null : Buffer.from(excerpt).toString("base64") });
      if (Date.now() < this.#awayUntil) this.#results.spill();
      this.#ports.observe({ ...tried, excerpt: null });
    } catch (error) {
      const name = error instanceof Error ? error.name : typeof error;
      console.error(JSON.stringify({ level: "error", event: "courier.not_tried", delivery: deliveryId, error: name }));
      this.#awayUntil = Date.now() + awayMs;
    } finally {
      this.#active.delete(deliveryId);
      this.#signal.raise();
      if (this.#running === null && Date.now() >= this.#awayUntil) this.ctx.waitUntil(this.#run());
    }
  }

  async #pull(): Promise<void> {
    this.#more = false;
    const now = Date.now();
    const parked = { answering: now >= this.#redriveAt ? redrive.rows : 0, failing: this.#probe.isDue(now) ? 1 : 0 };
    const except = [...this.#active, ...this.#results.ids];
    const pulled = await this.#ports.store.pull({ endpointId: this.#endpointId, limit: pullRows, except, parked, now });
    this.#endpoint = pulled;
    if (pulled === null) return this.#probe.forget();
    this.#ready.push(...pulled.deliveries);
    this.#readyAt = now;
    const tookUp = pulled.deliveries.some((outgoing) => outgoing.parked);
    // Never back to false: somebody may have woken it while this was being read.
    if (pulled.more) this.#more = true;
    if (!pulled.enabled || pulled.parkedDue === null || pulled.failingSince === null) this.#probe.forget();
    else if (parked.failing > 0) this.#probe.begun(now, tookUp);
    else this.#probe.plan(now);
    if (tookUp && pulled.failingSince === null) this.#redriveAt = now + redrive.pauseMs;
  }

  /** Brings results into Postgres, then sends on what is to be tried again, and only then forgets them. */
  async #write(): Promise<void> {
    const results = this.#results.take(writeRows);
    if (results.length === 0) return;
    // Woken from sleep by what was left: whether the endpoint failed before is in Postgres.
    if (this.#endpoint === null) await this.#pull();
    const succeeded = results.some(({ status }) => status === "delivered");
    const since = this.#endpoint?.failingSince ?? Math.min(...results.map((one) => one.attemptedAt));
    const failingSince = succeeded ? null : since;
    await this.#ports.store.write(this.#endpointId, results, failingSince);
    for (const result of results) this.#note(result, failingSince);
    if (results.some(({ gone }) => gone)) await this.#disable("gone");
    else if (hasFailedTooLong(failingSince, Date.now())) await this.#disable("failing");
    await this.#sendOn(results);
    for (const result of results) this.#alert(result);
    this.#results.forget(results);
    if (this.#endpoint?.fifo === true) this.#more = true;
  }

  /** Remembers what a result has changed of the endpoint, until it is read again. */
  #note({ status, nextAttemptAt, redriveAt }: Result, failingSince: number | null): void {
    if (this.#endpoint === null) return;
    const nextDue = earlier(this.#endpoint.nextDue, nextAttemptAt);
    const parkedDue = earlier(this.#endpoint.parkedDue, redriveAt);
    this.#endpoint = { ...this.#endpoint, failingSince, nextDue, parkedDue };
    if (failingSince === null) this.#probe.forget();
    else if (status === "dead_letter") this.#probe.plan(Date.now());
  }

  /** Sends on what is to be tried again: what comes back in the same second, together. */
  async #sendOn(results: readonly Result[]): Promise<void> {
    const now = Date.now();
    const again = results.flatMap(({ deliveryId, nextAttemptAt }) =>
      nextAttemptAt === null ? [] : [{ id: deliveryId, delay: Math.max(0, Math.floor((nextAttemptAt - now) / 1000)) }],
    );
    const endpoint_id = this.#endpointId;
    const sent = Array.from(
      Map.groupBy(again, ({ delay }) => delay),
      ([delay, same]) =>
        // Where the queue refuses, the alarm comes back to it.
        this.#ports.enqueue(
          same.map(({ id }) => ({ id, endpoint_id })),
          delay,
        ),
    );
    await Promise.all(sent);
  }

  #alert({ status, deliveryId, number, statusCode, error }: Result): void {
    if (status !== "dead_letter") return;
    const facts = { endpoint: this.#endpointId, delivery: deliveryId, attempts: number, status: statusCode, error };
    console.error(JSON.stringify({ level: "error", event: "webhook.dead_letter", ...facts }));
  }

  async #disable(reason: "gone" | "failing"): Promise<void> {
    await this.#ports.store.disable(this.#endpointId, reason);
    console.error(
      JSON.stringify({ level: "error", event: "webhook_endpoint.disabled", endpoint: this.#endpointId, reason }),
    );
    this.#ready = [];
    this.#more = true;
  }

  /** When to look again: at what is due later (should its message be lost), at the probe, at what could not be written. */
  async #setNextAlarm(): Promise<void> {
    if (this.#running !== null) return;
    const now = Date.now();
    const away = this.#awayUntil > now || this.#results.size > 0 || this.#active.size > 0;
    const at = Math.min(Math.max(this.#dueAt, now) + overdueMs, away ? Math.max(now, this.#awayUntil) + 1 : Infinity);
    // An alarm that comes too early finds nothing and goes again: cheaper than to take it back each time.
    if (at !== Infinity) await this.#alarmBy(at);
  }

  async #alarmBy(time: number): Promise<void> {
    this.#alarmAt ??= await this.ctx.storage.getAlarm();
    if (this.#alarmAt !== null && this.#alarmAt <= time) return;
    this.#alarmAt = time;
    await this.ctx.storage.setAlarm(time);
  }

  get #endpointId(): string {
    const id = this.ctx.storage.kv.get<string>("endpoint");
    if (id === undefined) throw new Error("a Courier works for an endpoint");
    return id;
  }
}

function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}
