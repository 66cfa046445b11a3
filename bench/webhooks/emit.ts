import { expectStatus } from "../../dev/api.ts";
import type { Contender } from "./contender.ts";
import { epochMs } from "./clock.ts";

/** Requests under way at once where only their number matters. */
const concurrency = 16;

/** An event, when it was sent, and when the API had answered, epoch milliseconds. */
export interface Emitted {
  readonly id: string;
  readonly asked: number;
  readonly answered: number;
}

/** Emits so many events, as fast as the API takes them from a few clients. */
export async function emitAll(contender: Contender, events: number): Promise<readonly Emitted[]> {
  const emitted: Emitted[] = [];
  let left = events;
  const client = async (): Promise<void> => {
    while (left-- > 0) emitted.push(await emit(contender));
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  return emitted;
}

/** Emits so many events at a rate, whenever the answers come. */
export async function emitAt(contender: Contender, perSecond: number, events: number): Promise<readonly Emitted[]> {
  const began = performance.now();
  const asking: Promise<Emitted>[] = [];
  for (let at = 0; at < events; at++) {
    const pause = began + (at * 1000) / perSecond - performance.now();
    if (pause > 0) await new Promise((next) => setTimeout(next, pause));
    asking.push(emit(contender));
  }
  return Promise.all(asking);
}

async function emit({ baseUrl, token }: Contender): Promise<Emitted> {
  const asked = epochMs();
  const answer = await expectStatus<{ id: string }>(202, baseUrl, "/v1/events", { method: "POST", token, body: event });
  return { id: answer.body.id, asked, answered: epochMs() };
}

const event = {
  type: "invoice.paid",
  data: {
    id: "inv_01hzx8m9k2",
    customer: { id: "42", name: "Ada Lovelace", email: "ada@acme.example" },
    lines: [
      { description: "Pro plan, November", quantity: 1, amount: 4900 },
      { description: "Seats", quantity: 12, amount: 12_000 },
    ],
    currency: "usd",
    total: 16_900,
    paid_at: "2026-11-23T08:00:00Z",
  },
};
