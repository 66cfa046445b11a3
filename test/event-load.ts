import { ask } from "../dev/api.ts";
import { wait } from "./world.ts";

/** What became of one event, which was sent once or, with an `Idempotency-Key`, until it was accepted. */
export interface Emitted {
  /** Its type, which no other event has. */
  readonly type: string;
  /** The id that a 202 named; null if there was none. */
  readonly id: string | null;
  readonly repeatable: boolean;
}

/** A load of events from several connections at full speed. */
export interface EventLoad {
  readonly baseUrl: string;
  readonly token: string;
  readonly events: number;
  readonly connections: number;
  /** Called when a share of the events (0 to 1) has been sent; the load goes on meanwhile. */
  readonly faults: readonly { readonly after: number; readonly cause: () => Promise<unknown> }[];
}

/** The pause after a request that was not accepted, in milliseconds: as long as the platform is being restarted, nothing can be. */
const pauseMs = 200;

/** Sends every event of a load; every second one has an `Idempotency-Key` and is repeated until it is accepted. */
export async function runEventLoad(load: EventLoad): Promise<Emitted[]> {
  const emitted: Emitted[] = [];
  const causing: Promise<unknown>[] = [];
  const faults = [...load.faults];
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < load.events) {
      const number = next++;
      if (faults[0] !== undefined && number >= faults[0].after * load.events) causing.push(faults.shift()!.cause());
      emitted.push(await emitOne(load, number));
    }
  };
  await Promise.all(Array.from({ length: load.connections }, client));
  await Promise.all(causing);
  return emitted;
}

async function emitOne(load: EventLoad, number: number): Promise<Emitted> {
  const type = `load.n${number}`;
  const repeatable = number % 2 === 0;
  for (;;) {
    const id = await send(load, type, repeatable ? type : null);
    if (id !== null || !repeatable) return { type, id, repeatable };
  }
}

async function send({ baseUrl, token }: EventLoad, type: string, key: string | null): Promise<string | null> {
  const headers = key === null ? {} : { "idempotency-key": key };
  const request = { method: "POST", token, body: { type, data: { type } }, headers };
  const response = await ask<{ id: string }>(baseUrl, "/v1/events", request).catch(() => null);
  if (response?.status === 202) return response.body.id;
  if (response !== null && response.status !== 503) throw new Error(`POST /v1/events answered ${response.status}`);
  await wait(pauseMs);
  return null;
}
