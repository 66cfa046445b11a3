import type { SealedEvent, Verdict } from "./event.ts";

/** An event that waits for a commit. */
export interface Waiting {
  readonly event: SealedEvent;
  /** When it arrived, epoch milliseconds. */
  readonly since: number;
  readonly settle: (verdict: Verdict) => void;
}

/** Bounds of a backlog. */
export interface BacklogLimits {
  /** The most that may wait. */
  readonly maximumEvents: number;
  readonly maximumBytes: number;
  /** The most that one commit takes. */
  readonly batchEvents: number;
  readonly batchBytes: number;
}

/** Bytes of an event besides its payload, about. */
const overheadBytes = 600;

/** Events that wait for a commit, in the order of their arrival. */
export class Backlog {
  readonly #limits: BacklogLimits;
  #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(limits: BacklogLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Adds all events of a request, or none; returns whether there was room. */
  add(arrived: readonly Waiting[]): boolean {
    const bytes = bytesOf(arrived);
    const { maximumEvents, maximumBytes } = this.#limits;
    if (this.size + arrived.length > maximumEvents || this.#bytes + bytes > maximumBytes) return false;
    this.#waiting.push(...arrived);
    this.#bytes += bytes;
    return true;
  }

  /** Puts events back to the front. They have been counted before, so they always have room. */
  putBack(again: readonly Waiting[]): void {
    this.#waiting.unshift(...again);
    this.#bytes += bytesOf(again);
  }

  /** Removes the events of the next commit: the oldest, as many as its bounds allow and at least one. */
  take(): Waiting[] {
    const { batchEvents, batchBytes } = this.#limits;
    let bytes = 0;
    let count = 0;
    for (const one of this.#waiting) {
      bytes += bytesOf([one]);
      if (count === batchEvents || (count > 0 && bytes > batchBytes)) break;
      count += 1;
    }
    return this.#remove(count);
  }

  /** Removes the events that arrived before a time. */
  takeOlderThan(time: number): Waiting[] {
    const old = this.#waiting.filter(({ since }) => since < time);
    if (old.length > 0) {
      this.#waiting = this.#waiting.filter(({ since }) => since >= time);
      this.#bytes -= bytesOf(old);
    }
    return old;
  }

  #remove(count: number): Waiting[] {
    const taken = this.#waiting.splice(0, count);
    this.#bytes -= bytesOf(taken);
    return taken;
  }
}

function bytesOf(waiting: readonly Waiting[]): number {
  return waiting.reduce((sum, { event }) => sum + event.payload.byteLength + overheadBytes, 0);
}
