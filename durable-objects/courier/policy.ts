import type { AttemptError, DeliveryStatus } from "../../schema/webhooks/delivery.ts";
import type { Posted } from "./post.ts";

/** The pauses before the automatic tries after the first, in milliseconds. */
export const retryPausesMs: readonly number[] = [1000, 2000, 4000, 8000, 16_000];
/** A pause is longer by up to this part of it, so that what failed together does not come back together. */
const jitter = 0.1;
/** The longest that a receiver may ask us to wait (`Retry-After`), in milliseconds. */
const maximumRetryAfterMs = 3_600_000;
/** Pauses before a dead letter is looked at again, and between probes of an endpoint: the first, and the longest, in milliseconds. */
const parkedPausesMs = { first: 15_000, longest: 3_600_000 };
/** An endpoint without one success for so long is disabled, in milliseconds. */
const failingMs = 120 * 3_600_000;
/** Dead letters that are taken up again at once, and how long until the next, in milliseconds. */
export const redrive = { rows: 10, pauseMs: 100 };
/** Tries under way at once to one endpoint. */
export const concurrentTries = 5;

/** What a try makes of its delivery. Times in epoch milliseconds. */
export interface Step {
  readonly status: DeliveryStatus;
  /** Failed tries since it became pending. */
  readonly tries: number;
  /** How often it was looked at as a dead letter. */
  readonly rounds: number;
  /** When it is due again; only of a pending one. */
  readonly nextAttemptAt: number | null;
  /** When it may be looked at again; only of a dead letter. */
  readonly redriveAt: number | null;
  /** Whether the endpoint wants no more (410 Gone, RFC 9110 §15.5.11). */
  readonly gone: boolean;
}

/** What was tried. `parked`: a dead letter, which has one try each time it is taken up. */
export interface Tried {
  readonly tries: number;
  readonly rounds: number;
  readonly parked: boolean;
}

/** Decides what follows a try at `now`; `random` in [0, 1) makes the jitter. */
export function nextStep({ tries, rounds, parked }: Tried, posted: Posted, now: number, random: number): Step {
  const none = { nextAttemptAt: null, redriveAt: null, gone: false };
  if (posted.error === null) return { ...none, status: "delivered", tries: 0, rounds: 0 };
  const pause = retryPausesMs[tries];
  const gone = posted.statusCode === 410;
  if (gone || parked || pause === undefined) {
    const redriveAt = now + parkedPause(rounds);
    return { ...none, status: "dead_letter", tries: tries + 1, rounds: rounds + 1, redriveAt, gone };
  }
  const own = pause * (1 + jitter * random);
  const asked = Math.min(posted.retryAfterMs ?? 0, maximumRetryAfterMs);
  return { ...none, status: "pending", tries: tries + 1, rounds, nextAttemptAt: Math.ceil(now + Math.max(own, asked)) };
}

/** The pause before the look number `rounds`, from 0, at a dead letter or an endpoint, in milliseconds: it grows to an hour. */
export function parkedPause(rounds: number): number {
  return Math.min(parkedPausesMs.first * 2 ** Math.min(rounds, 30), parkedPausesMs.longest);
}

/** Whether an endpoint that fails at `now` has failed for too long. */
export function hasFailedTooLong(failingSince: number | null, now: number): boolean {
  return failingSince !== null && now - failingSince >= failingMs;
}

/** What is kept of a try until Postgres has it. */
export interface Result extends Step {
  readonly customerId: string;
  readonly deliveryId: string;
  readonly number: number;
  readonly statusCode: number | null;
  readonly error: AttemptError | null;
  readonly durationMs: number;
  /** Epoch milliseconds. */
  readonly attemptedAt: number;
  /** Sealed, base64. */
  readonly excerpt: string | null;
}
