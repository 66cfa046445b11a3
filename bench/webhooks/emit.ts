import { Pool } from "undici";
import { epochMs } from "../clock.ts";
import type { Contender } from "../contender.ts";
import { emitEvent } from "../event.ts";
import { clientOptions, Failures, send } from "../request.ts";

/** Concurrent requests where only the number of events matters. */
const concurrency = 16;
/** How long a request may take, in milliseconds. */
const timeoutMs = 30_000;
/** The pause after a failed request where it is sent again, in milliseconds. */
const pauseMs = 200;

/** An accepted event, when it was sent, and when the response had arrived, epoch milliseconds. */
export interface Emitted {
  readonly id: string;
  readonly requestedAt: number;
  readonly acceptedAt: number;
}

/** What came of the requests: the events with a 202, and the requests without one. */
export interface Emission {
  readonly accepted: readonly Emitted[];
  readonly failures: Failures;
}

/**
 * Emits until `events` are accepted, as fast as the API takes them from a few clients. Rejects when more requests than
 * that have failed.
 */
export async function emitAll(contender: Contender, events: number): Promise<Emission> {
  const accepted: Emitted[] = [];
  const failures = new Failures();
  const pool = new Pool(contender.baseUrl, clientOptions(timeoutMs));
  let left = events;
  const runClient = async (): Promise<void> => {
    while (left > 0 && failures.total <= events) {
      left -= 1;
      const emitted = await emit(pool, contender, failures);
      if (emitted !== null) {
        accepted.push(emitted);
        continue;
      }
      left += 1;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, runClient));
  await pool.destroy();
  if (accepted.length < events)
    throw new Error(
      `${accepted.length} of ${events} events were accepted; ${failures.total} requests failed (${failures.describe()})`,
    );
  return { accepted, failures };
}

/** Sends `events` requests at a rate, whether or not responses arrive. Rejects when all fail. */
export async function emitAt(contender: Contender, perSecond: number, events: number): Promise<Emission> {
  const failures = new Failures();
  const pool = new Pool(contender.baseUrl, clientOptions(timeoutMs));
  const began = performance.now();
  const emitting: Promise<Emitted | null>[] = [];
  for (let at = 0; at < events; at++) {
    const pause = began + (at * 1000) / perSecond - performance.now();
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    emitting.push(emit(pool, contender, failures));
  }
  const accepted = (await Promise.all(emitting)).filter((one) => one !== null);
  await pool.destroy();
  if (accepted.length === 0)
    throw new Error(`none of ${events} events was accepted at ${perSecond}/s (${failures.describe()})`);
  return { accepted, failures };
}

async function emit(pool: Pool, { token }: Contender, failures: Failures): Promise<Emitted | null> {
  const requestedAt = epochMs();
  const outcome = await send(pool, token, emitEvent);
  const acceptedAt = epochMs();
  if (outcome.ok) return { id: (JSON.parse(outcome.body) as { id: string }).id, requestedAt, acceptedAt };
  failures.add(outcome.reason);
  return null;
}
