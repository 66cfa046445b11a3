import { epochMs } from "../clock.ts";
import type { Contender } from "../contender.ts";
import { startCpuMeter, type Cpu } from "../cpu.ts";
import type { Endpoints } from "../endpoints.ts";
import { quantile } from "../quantile.ts";
import type { Inbox } from "../receiver.ts";
import type { Failures } from "../request.ts";
import { emitAll, emitAt } from "./emit.ts";

/** How long a stack may work after the last receipt, to record what it delivered, in milliseconds: its CPU counts. */
const tailMs = 2000;

/** Deliveries that were held back, then released. CPU per delivery. */
export interface Drained {
  readonly perSecond: number;
  readonly cpu: Cpu;
  /** Requests that failed while events were queued, before the measurement. */
  readonly failures: Failures;
}

/**
 * Events at a rate: milliseconds until receipt, from the API's response and from the request; CPU per delivery, with
 * the API's.
 */
export interface Steady {
  readonly fromResponseP50: number;
  readonly fromResponseP99: number;
  readonly fromRequestP50: number;
  readonly fromRequestP99: number;
  readonly cpu: Cpu;
  /** Events that were not accepted; nothing else counts them. */
  readonly failures: Failures;
}

/** Queues `events` for every endpoint, releases them, and waits until all arrived. */
export async function drain(contender: Contender, endpoints: Endpoints, events: number): Promise<Drained> {
  await endpoints.clear();
  await contender.hold(true);
  const { accepted, failures } = await emitAll(contender, events);
  await pause(tailMs);
  const cpu = startCpuMeter(contender);
  const began = epochMs();
  await contender.hold(false);
  const inbox = await endpoints.receive(accepted.map(({ id }) => id));
  const ended = Math.max(...inbox.receipts.map(({ at }) => at));
  await pause(tailMs);
  warnOfSurplus(contender, inbox);
  const deliveries = inbox.receipts.length;
  return { perSecond: (deliveries / (ended - began)) * 1000, cpu: cpu(deliveries), failures };
}

/** Emits `events` at a rate, and waits until all that were accepted arrived. */
export async function steady(
  contender: Contender,
  endpoints: Endpoints,
  load: { readonly events: number; readonly perSecond: number },
): Promise<Steady> {
  await endpoints.clear();
  const cpu = startCpuMeter(contender);
  const { accepted, failures } = await emitAt(contender, load.perSecond, load.events);
  const inbox = await endpoints.receive(accepted.map(({ id }) => id));
  await pause(tailMs);
  const used = cpu(inbox.receipts.length);
  warnOfSurplus(contender, inbox);
  const events = new Map(accepted.map((one) => [one.id, one]));
  const since = (key: "requestedAt" | "acceptedAt"): number[] =>
    inbox.receipts.map(({ event, at }) => at - (events.get(event)?.[key] ?? Number.NaN));
  return {
    fromResponseP50: quantile(since("acceptedAt"), 0.5),
    fromResponseP99: quantile(since("acceptedAt"), 0.99),
    fromRequestP50: quantile(since("requestedAt"), 0.5),
    fromRequestP99: quantile(since("requestedAt"), 0.99),
    cpu: used,
    failures,
  };
}

function warnOfSurplus({ name }: Contender, { repeated, foreign }: Inbox): void {
  if (repeated > 0) console.warn(`${name}: ${repeated} deliveries arrived more than once.`);
  if (foreign > 0)
    console.warn(`${name}: ${foreign} deliveries of events without a 202, or of the turn before, arrived.`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
