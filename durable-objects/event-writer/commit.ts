import type { DueDelivery } from "../../schema/webhooks/message.ts";
import type { SealedEvent } from "./event.ts";
import type { EventStore, Outcome } from "./ports.ts";

/** What a commit of several events came to: an outcome for each, in order, and one due delivery for each endpoint. */
export interface Committed {
  readonly outcomes: readonly Outcome[];
  readonly due: readonly DueDelivery[];
}

/** The clock that a commit runs by. */
export interface Clock {
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

/** How long an unreachable Postgres is tried again while nothing can be committed, in milliseconds. */
export const unreachableMs = 2000;
/** The same where an attempt may have been committed and the outcome has to be found out. */
export const inDoubtMs = 12_000;
/** Pauses between attempts, in milliseconds; the last one repeats. */
const pausesMs = [20, 100, 250, 500];

/**
 * Commits events, whatever happens to the connection. While Postgres cannot be reached the same events are sent again: they keep their
 * ids, so an attempt whose answer was lost is recognised. When Postgres refuses the statement because of one event, halves are sent
 * until that event stands alone and the others are committed.
 */
export async function commit(events: readonly SealedEvent[], store: EventStore, clock: Clock): Promise<Committed> {
  const began = clock.now();
  let inDoubt = false;
  for (let attempt = 0; ; attempt++) {
    // oxlint-disable-next-line no-await-in-loop -- each attempt depends on the one before
    const result = await store.commit(events);
    if (result.kind === "committed") return result;
    if (result.kind === "refused") return isolate(events, result.code, store, clock);
    inDoubt ||= result.inDoubt;
    const waited = clock.now() - began;
    if (waited >= (inDoubt ? inDoubtMs : unreachableMs)) return all(events, { kind: "unavailable" });
    // oxlint-disable-next-line no-await-in-loop -- the same
    await clock.pause(pausesMs[Math.min(attempt, pausesMs.length - 1)] ?? 0);
  }
}

/** Commits the halves of what was refused as a whole, one after the other, so that order is kept. */
async function isolate(
  events: readonly SealedEvent[],
  code: string,
  store: EventStore,
  clock: Clock,
): Promise<Committed> {
  if (events.length === 1) return all(events, { kind: "refused", code });
  const middle = Math.ceil(events.length / 2);
  const first = await commit(events.slice(0, middle), store, clock);
  const second = await commit(events.slice(middle), store, clock);
  return { outcomes: [...first.outcomes, ...second.outcomes], due: [...first.due, ...second.due] };
}

function all(events: readonly SealedEvent[], outcome: Outcome): Committed {
  return { outcomes: events.map(() => outcome), due: [] };
}
