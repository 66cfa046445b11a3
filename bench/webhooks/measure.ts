import { quantile } from "../audit/quantile.ts";
import { cpuSeconds } from "../cpu.ts";
import { epochMs } from "./clock.ts";
import type { Contender } from "./contender.ts";
import { emitAll, emitAt, type Emitted } from "./emit.ts";
import type { Endpoints } from "./endpoints.ts";
import type { Inbox } from "./receiver.ts";

/** How long a stack may go on after the last receipt, to write down what it delivered, in milliseconds: its CPU counts. */
const tailMs = 2000;

/** CPU of a delivery in microseconds, of all processes and of some. */
export type Cpu = Readonly<Record<string, number>>;

/** Deliveries that waited, then were let go. */
export interface Drained {
  readonly perSecond: number;
  readonly cpu: Cpu;
}

/** Events at a rate: milliseconds until receipt, from the API's answer and from the request; CPU with that of the API. */
export interface Steady {
  readonly answerP50: number;
  readonly answerP99: number;
  readonly requestP50: number;
  readonly requestP99: number;
  readonly cpu: Cpu;
}

/** Queues `events` for every endpoint, lets them go, and waits until all are in. */
export async function drain(contender: Contender, endpoints: Endpoints, events: number): Promise<Drained> {
  const deliveries = events * endpoints.urls.length;
  const { received } = await endpoints.expect(deliveries);
  await contender.hold(true);
  const emitted = await emitAll(contender, events);
  await pause(tailMs);
  const cpu = cpuOf(contender);
  const began = epochMs();
  await contender.hold(false);
  const inbox = await received;
  const ended = Math.max(...inbox.deliveries.map(({ at }) => at));
  await pause(tailMs);
  checkAll(inbox, emitted, endpoints);
  return { perSecond: (deliveries / (ended - began)) * 1000, cpu: cpu(deliveries) };
}

/** Emits `events` at a rate, and waits until all are in. */
export async function steady(
  contender: Contender,
  endpoints: Endpoints,
  load: { readonly events: number; readonly perSecond: number },
): Promise<Steady> {
  const deliveries = load.events * endpoints.urls.length;
  const { received } = await endpoints.expect(deliveries);
  const cpu = cpuOf(contender);
  const emitted = await emitAt(contender, load.perSecond, load.events);
  const inbox = await received;
  await pause(tailMs);
  const used = cpu(deliveries);
  checkAll(inbox, emitted, endpoints);
  const events = new Map(emitted.map((one) => [one.id, one]));
  const since = (key: "asked" | "answered"): number[] =>
    inbox.deliveries.map(({ event, at }) => at - (events.get(event)?.[key] ?? Number.NaN));
  return {
    answerP50: quantile(since("answered"), 0.5),
    answerP99: quantile(since("answered"), 0.99),
    requestP50: quantile(since("asked"), 0.5),
    requestP99: quantile(since("asked"), 0.99),
    cpu: used,
  };
}

/** Begins to count; what it returns says what each of so many deliveries has used. */
function cpuOf({ roots, parts }: Contender): (deliveries: number) => Cpu {
  const groups = { all: roots, ...parts };
  const look = (): [string, number][] => Object.entries(groups).map(([name, pids]) => [name, cpuSeconds(pids)]);
  const before = new Map(look());
  return (deliveries) =>
    Object.fromEntries(look().map(([name, now]) => [name, ((now - (before.get(name) ?? 0)) / deliveries) * 1e6]));
}

/** Throws unless each event came to each endpoint; tells of what came more than once. */
function checkAll({ posts, deliveries }: Inbox, emitted: readonly Emitted[], { urls }: Endpoints): void {
  const ids = new Set(emitted.map(({ id }) => id));
  const foreign = deliveries.filter(({ event }) => !ids.has(event)).length;
  if (foreign > 0 || deliveries.length !== emitted.length * urls.length)
    throw new Error(`${deliveries.length} deliveries came, ${foreign} of them of nobody's events`);
  if (posts > deliveries.length) console.warn(`${posts - deliveries.length} deliveries came more than once`);
}

function pause(ms: number): Promise<void> {
  return new Promise((over) => {
    setTimeout(over, ms);
  });
}
