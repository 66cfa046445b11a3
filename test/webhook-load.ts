import { ask, expectStatus } from "../dev/api.ts";
import { startReceiver, type Answering, type Received, type Receiver } from "../dev/receiver.ts";
import type { OwnPlatform } from "./own-platform.ts";

/** A load on five endpoints of one customer, of which three misbehave. Times in milliseconds. */
export interface Load {
  readonly events: number;
  readonly perSecond: number;
  /** For how long, from the start, one endpoint does not answer what it gets. */
  readonly hangMs: number;
  /** For how long, from the start, one endpoint is down. */
  readonly downMs: number;
  /** Whether the others misbehave at all. */
  readonly bad: boolean;
  /** Called when half of the events are emitted. */
  readonly halfway?: () => Promise<void>;
}

/** What came of it. */
export interface LoadResult {
  readonly accepted: readonly string[];
  /** By path: the ids that came, each as often as it came. */
  readonly received: ReadonlyMap<string, readonly string[]>;
  /** From acceptance to receipt at the healthy endpoints, sorted, in milliseconds. */
  readonly healthyMs: readonly number[];
}

/** The endpoints, by path. */
export const loadPaths = ["/healthy-1", "/healthy-2", "/hangs", "/half", "/down"] as const;

/** Runs a load until every event has reached every endpoint, or `withinMs` have passed. */
export async function runLoad(own: OwnPlatform, token: string, load: Load, withinMs: number): Promise<LoadResult> {
  const steady = await startReceiver();
  const began = Date.now();
  steady.answer = (one) => answerTo(one, load, Date.now() - began);
  const downUntil = load.bad ? load.downMs : 0;
  const down = await startReceiver();
  const port = Number(new URL(down.url).port);
  // Down is down: nobody listens.
  if (downUntil > 0) await down.close();
  let returned: Receiver = down;
  const comeBack = async (): Promise<void> => {
    if (downUntil === 0) return;
    await new Promise((waited) => setTimeout(waited, downUntil));
    returned = await startReceiver(port);
  };
  const coming = comeBack();
  const endpoints: string[] = [];
  for (const path of loadPaths) {
    const url = `${path === "/down" ? `http://127.0.0.1:${port}` : steady.url}${path}`;
    const made = await expectStatus<{ id: string; secret: string }>(
      201,
      own.platform.baseUrl,
      "/v1/webhook-endpoints",
      {
        method: "POST",
        token,
        body: { url, event_types: ["load.*"] },
      },
    );
    endpoints.push(made.body.id);
    if (path !== "/down") steady.secrets.set(path, made.body.secret);
  }
  try {
    const acceptedAt = await emitAll(own, token, load);
    await coming;
    const complete = () =>
      loadPaths.every((path) => new Set(idsAt(path === "/down" ? returned : steady, path)).size >= acceptedAt.size);
    const deadline = Date.now() + withinMs;
    while (!complete() && Date.now() < deadline) await new Promise((waited) => setTimeout(waited, 200));
    const healthy = steady.received.filter(({ path }) => path.startsWith("/healthy"));
    const healthyMs = firstOf(healthy).map((one) => one.at - (acceptedAt.get(one.id) ?? one.at));
    return {
      accepted: [...acceptedAt.keys()],
      received: new Map(loadPaths.map((path) => [path, idsAt(path === "/down" ? returned : steady, path)])),
      healthyMs: healthyMs.toSorted((a, b) => a - b),
    };
  } finally {
    for (const id of endpoints)
      await ask(own.platform.baseUrl, `/v1/webhook-endpoints/${id}`, { method: "DELETE", token });
    await Promise.all([steady.close(), returned.close()]);
  }
}

function answerTo({ path }: Received, { bad, hangMs }: Load, sinceMs: number): Answering {
  if (!bad) return { status: 204 };
  // What hangs is let go when the time is over; the platform may have given up on it by then.
  if (path === "/hangs" && sinceMs < hangMs) return { status: 204, afterMs: hangMs - sinceMs };
  if (path === "/half" && Math.random() < 0.5) return { status: 500 };
  return { status: 204 };
}

/** Emits at a steady rate; by event, when it was accepted. One whose answer is lost is sent again with its key. */
async function emitAll(own: OwnPlatform, token: string, load: Load): Promise<Map<string, number>> {
  const acceptedAt = new Map<string, number>();
  const began = Date.now();
  const under: Promise<void>[] = [];
  const emitOne = async (number: number): Promise<void> => {
    for (;;) {
      const answer = await ask<{ id: string }>(own.platform.baseUrl, "/v1/events", {
        method: "POST",
        token,
        body: { type: "load.one", data: { number } },
        // Only where something is killed meanwhile can an answer be lost.
        ...(load.halfway && { headers: { "idempotency-key": `load-${began}-${number}` } }),
      }).catch(() => null);
      if (answer?.status === 202) {
        acceptedAt.set(answer.body.id, Date.now());
        return;
      }
      await new Promise((waited) => setTimeout(waited, 500 + Math.random() * 1000));
    }
  };
  for (let number = 0; number < load.events; number++) {
    const due = began + (number * 1000) / load.perSecond;
    if (due > Date.now()) await new Promise((waited) => setTimeout(waited, due - Date.now()));
    under.push(emitOne(number));
    if (number === Math.floor(load.events / 2) && load.halfway) under.push(load.halfway());
  }
  await Promise.all(under);
  return acceptedAt;
}

function idsAt(receiver: Receiver, path: string): string[] {
  return receiver.received.filter((one) => one.path === path).map(({ id }) => id);
}

/** The first of each id at each path. */
function firstOf(received: readonly Received[]): Received[] {
  const seen = new Map<string, Received>();
  for (const one of received) if (!seen.has(`${one.path} ${one.id}`)) seen.set(`${one.path} ${one.id}`, one);
  return [...seen.values()];
}
