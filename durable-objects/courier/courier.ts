import { DurableObject } from "cloudflare:workers";
import { Alarm } from "./alarm.ts";
import { earlier, parkedDueAt, pendingDueAt, type Schedule } from "./due.ts";
import { logError } from "../log-error.ts";
import { concurrentTries, hasFailedTooLong, nextStep, redrive, type Result } from "./policy.ts";
import { post } from "./post.ts";
import { Probe } from "./probe.ts";
import { retryMessages } from "./retry-messages.ts";
import { Results } from "./results.ts";
import { Signal, within } from "./signal.ts";
import type { CourierPorts, Outgoing, Pulled } from "./ports.ts";

/** Deliveries read at once. */
const pullRows = 25;
/** What has waited here for so long is read again: it may have been parked, its secret rotated, its endpoint deleted. In milliseconds. */
const staleMs = 2000;
/** Results written at once. */
const writeRows = 100;
/** Work that lasts this long sets the safety alarm, in milliseconds. Until then the region's sweep is enough to recover from a crash. */
const longWorkMs = 2000;
/** The safety alarm fires after this time, should the object have died or been evicted in the middle of its work, in milliseconds. */
const safetyMs = 35_000;
/** How long one alarm stays with the work, in milliseconds. */
const alarmMs = 300_000;
/** What is due so soon is waited for; what is due later comes back through the queue. In milliseconds. */
const nearMs = 2500;
/** The pause after Postgres was away, in milliseconds. */
const awayMs = 5000;

/**
 * Delivers to one endpoint. What is due, Postgres knows; a message only says that it is time to look. At most five tries are under way at
 * once (one, and in order, where the endpoint asked for that). A result is kept here until Postgres has it: what was delivered is never posted
 * again, but where the object died between an answer and its result.
 *
 * An open socket, a timer or a `fetch` under way keeps the object awake and billed; an alarm wakes it once more. So when nothing is due, the
 * connection is closed and no alarm is left (docs/object-lifetimes.md).
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
  readonly #alarm: Alarm;
  /** Whether `alarm` is running: the runtime calls it again if the object dies, so no other alarm is needed. */
  #inAlarm = false;
  /** When the work under way began, epoch milliseconds. */
  #workSince = 0;
  /** Whether the queue refused a message of a delivery that is still to come. */
  #refused = false;

  constructor(ctx: DurableObjectState, env: Env, ports: CourierPorts) {
    super(ctx, env);
    this.#ports = ports;
    this.#results = new Results(ctx.storage.sql);
    this.#probe = new Probe(ctx.storage.kv);
    this.#alarm = new Alarm(ctx.storage);
  }

  /**
   * Says that something is due at the endpoint. The object looks at once; if it dies before it has delivered, its safety alarm or the region's
   * sweep finds the delivery in Postgres.
   */
  async wake(endpointId: string): Promise<void> {
    if (this.ctx.storage.kv.get("endpoint") === undefined) this.ctx.storage.kv.put("endpoint", endpointId);
    this.#more = true;
    this.ctx.waitUntil(this.#run());
  }

  /** Takes up what was left, and probes when it is time to. */
  override async alarm(): Promise<void> {
    this.#alarm.fired();
    this.#inAlarm = true;
    this.#more = true;
    try {
      // Waited for, so that the runtime comes again if the object dies; but an alarm may not last longer than a quarter of an hour.
      const done = await within(this.#run(), alarmMs);
      if (!done) await this.#alarm.setBy(Date.now() + 1);
    } finally {
      this.#inAlarm = false;
    }
  }

  /** Works until nothing is due; those who come meanwhile join in. */
  #run(): Promise<void> {
    this.#signal.raise();
    this.#running ??= this.#work();
    return this.#running;
  }

  async #work(): Promise<void> {
    this.#workSince = Date.now();
    try {
      // oxlint-disable-next-line no-await-in-loop -- a round after the other
      while (await this.#round());
    } catch (error) {
      // Postgres, or the configuration, is away: nothing is lost, and it is looked at again.
      this.#awayUntil = Date.now() + awayMs;
      this.#results.spill();
      logError("courier.paused", { endpoint: this.#endpointId }, error);
    } finally {
      // In one step with the last look at what is to be done: who comes after this begins anew.
      this.#running = null;
    }
    if (this.#more && Date.now() >= this.#awayUntil) return this.#run();
    await this.#rest();
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
    const untilLongMs = this.#workSince + longWorkMs - Date.now();
    if (untilLongMs <= 0) await this.#setSafetyAlarm();
    await this.#signal.within(Math.max(1, Math.min(waitMs, dueInMs, untilLongMs > 0 ? untilLongMs : safetyMs)));
    return true;
  }

  /** When something will be due that is not now, epoch milliseconds: a delivery, a dead letter to take up, a probe. */
  get #dueAt(): number {
    return Math.min(pendingDueAt(this.#schedule), parkedDueAt(this.#schedule));
  }

  get #schedule(): Schedule {
    return { endpoint: this.#endpoint, redriveAt: this.#redriveAt, probeAt: this.#probe.at };
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
      logError("courier.not_tried", { delivery: deliveryId }, error);
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

  /** Sends on what is to be tried again. What the queue refuses is left to the alarm. */
  async #sendOn(results: readonly Result[]): Promise<void> {
    const messages = retryMessages(results, this.#endpointId, Date.now());
    const taken = await Promise.all(
      messages.map(({ deliveries, delaySeconds }) => this.#ports.enqueue(deliveries, delaySeconds)),
    );
    if (taken.includes(false)) this.#refused = true;
  }

  #alert({ status, deliveryId, number, statusCode, error }: Result): void {
    if (status !== "dead_letter") return;
    const facts = { endpoint: this.#endpointId, delivery: deliveryId, attempts: number, status: statusCode, error };
    logError("webhook.dead_letter", facts);
  }

  async #disable(reason: "gone" | "failing"): Promise<void> {
    await this.#ports.store.disable(this.#endpointId, reason);
    logError("webhook_endpoint.disabled", { endpoint: this.#endpointId, reason });
    this.#ready = [];
    this.#more = true;
  }

  /** For work that lasts: after 70 s without a request an object may be evicted, whatever its timers; the alarm counts as a request. */
  async #setSafetyAlarm(): Promise<void> {
    if (this.#inAlarm) return;
    await this.#alarm.load();
    await this.#alarm.setBy(Date.now() + safetyMs);
  }

  /** Closes the connection, and leaves an alarm only where there is something to look at later. */
  async #rest(): Promise<void> {
    await this.#alarm.load();
    // Work has begun again: it will rest itself. From here to the storage call nothing may be awaited.
    if (this.#running !== null) return;
    const leftAlarm = this.#alarm.set(this.#nextLook());
    await Promise.all([leftAlarm, this.#ports.store.release()]);
  }

  /**
   * When to look again by alarm, epoch milliseconds; null: never. For dead letters, probes and results that could not be written. A delivery that
   * is due later has its message in the queue, unless the queue refused it.
   */
  #nextLook(): number | null {
    const now = Date.now();
    const unfinished = this.#awayUntil > now || this.#results.size > 0 || this.#active.size > 0;
    const resumeAt = unfinished ? Math.max(now, this.#awayUntil) + 1 : Infinity;
    const pendingAt = pendingDueAt(this.#schedule);
    this.#refused &&= pendingAt !== Infinity;
    const at = Math.min(resumeAt, this.#refused ? pendingAt : Infinity, parkedDueAt(this.#schedule));
    return at === Infinity ? null : at;
  }

  get #endpointId(): string {
    const id = this.ctx.storage.kv.get<string>("endpoint");
    if (id === undefined) throw new Error("a Courier works for an endpoint");
    return id;
  }
}
