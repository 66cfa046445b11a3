import type { AuditEntry } from "../../schema/audit/entry.ts";
import { withTimeout } from "../with-timeout.ts";
import type { Accepted, KeyResult, SealedEvent } from "./event.ts";

/** The methods of a writer that are called. */
export interface EventWriterStub {
  accept(events: SealedEvent[], entry: AuditEntry | null): Promise<Accepted>;
  dataKey(customerId: string): Promise<KeyResult>;
}

/** Pauses before a call is repeated, in milliseconds: an object that was evicted or moved is available again at once. */
const pausesMs = [10, 200, 1000];
/** How long one call may take, in milliseconds: longer than the writer tries to find out what became of a commit. */
const callMs = 20_000;

/**
 * Calls the writer of a customer. A call that fails is repeated with the same events: they keep their ids, so what the lost call committed
 * is not committed twice. `stubFor` is called for each attempt, because a stub that has thrown stays broken. Never rejects.
 */
export class EventWriterClient {
  readonly #stubFor: () => EventWriterStub;

  constructor(stubFor: () => EventWriterStub) {
    this.#stubFor = stubFor;
  }

  /** Has the events of a request committed, and the request recorded by `entry` if any of them was accepted. */
  async accept(events: readonly SealedEvent[], entry: AuditEntry | null): Promise<Accepted> {
    const accepted = await this.#call((stub) => stub.accept([...events], entry));
    return accepted ?? { verdicts: events.map(() => ({ kind: "unavailable" })), recorded: false };
  }

  /** The customer's live data key, wrapped. */
  async dataKey(customerId: string): Promise<KeyResult> {
    return (await this.#call((stub) => stub.dataKey(customerId))) ?? { kind: "unavailable" };
  }

  async #call<T>(method: (stub: EventWriterStub) => Promise<T>): Promise<T | null> {
    const deadline = Date.now() + callMs;
    for (const pauseMs of [...pausesMs, null]) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
        return await withTimeout(method(this.#stubFor()), deadline - Date.now());
      } catch (error) {
        const name = error instanceof Error ? error.name : typeof error;
        console.warn(JSON.stringify({ level: "warn", event: "events.writer_unreachable", error: name }));
        const overloaded = error instanceof Error && "overloaded" in error && error.overloaded === true;
        if (pauseMs === null || overloaded || Date.now() + pauseMs >= deadline) return null;
        // oxlint-disable-next-line no-await-in-loop -- the same
        await new Promise((resolve) => {
          setTimeout(resolve, pauseMs);
        });
      }
    }
    return null;
  }
}
