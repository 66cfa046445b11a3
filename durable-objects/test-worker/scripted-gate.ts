import type { AdmitAnswer, AdmitCall, GateFacts, LimitState, Proof } from "../../schema/admission.ts";
import { GateClient } from "../gate/gate-client.ts";

/** The proof that is asked about when a test names none. */
export const proof: Proof = { kind: "session", sessionId: "one" };
/** Another session of the same user. */
export const other: Proof = { kind: "session", sessionId: "two" };
/** Who the Gate says the user is. */
export const facts: GateFacts = { type: "user", id: "usr_1", customer_id: "cus_1", role: "member", tier: "basic" };
/** An answer for an ended session. */
export const refused: AdmitAnswer = { kind: "refused", repeatForMs: 60_000 };

/** An answer of a limited tier. */
export function admitted(remaining: number, usage = 1): AdmitAnswer {
  return { kind: "admitted", facts, limits: limits(remaining), usage, reuseForMs: 0 };
}

/** What a client is told of the one bucket. */
export function limits(remaining: number): LimitState[] {
  return [{ name: "min", quota: 100, window_seconds: 60, remaining, reset_seconds: 1 }];
}

/** An empty bucket of ten a minute, at `at` by the Gate's clock: the next token comes in six seconds. */
export function limited(at: number): Extract<AdmitAnswer, { kind: "limited" }> {
  const bucket = { quota: 10, window: 60, level: 0, asOf: at, granted: 0, tickAt: at };
  return { kind: "limited", repeatForMs: 5000, facts, buckets: { min: bucket }, at, usage: 1 };
}

/** An answer of an unlimited tier. */
export const unlimited: Extract<AdmitAnswer, { kind: "admitted" }> = {
  kind: "admitted",
  facts,
  limits: [],
  usage: 1,
  reuseForMs: 5000,
};

/** A Gate whose answers a test decides, and which notes how it was called. */
export function scripted(answer: (call: AdmitCall) => AdmitAnswer | Promise<AdmitAnswer>) {
  const calls: AdmitCall[] = [];
  const behind: Promise<unknown>[] = [];
  const clock = { now: 1_000_000 };
  const admit = async (call: AdmitCall): Promise<AdmitAnswer> => {
    calls.push(call);
    return answer(call);
  };
  const client = new GateClient({ stubFor: () => ({ admit }), now: () => clock.now, timeoutMs: 300 });
  const waitUntil = (promise: Promise<unknown>): void => void behind.push(promise);
  return { calls, clock, behind, ask: (by = proof) => client.admit("usr_1", by, waitUntil) };
}

/** Lets everything run that waits for no timer. */
async function settle(): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- one turn of the microtask queue after the other
  for (let at = 0; at < 20; at++) await Promise.resolve();
}

/** Answers that a test gives in the order it chooses. */
export function deferred() {
  const waiting: PromiseWithResolvers<AdmitAnswer>[] = [];
  const gate = scripted(() => {
    const one = Promise.withResolvers<AdmitAnswer>();
    waiting.push(one);
    return one.promise;
  });
  const resolve = async (at: number, answer: AdmitAnswer): Promise<void> => {
    await settle();
    waiting[at]?.resolve(answer);
    await settle();
  };
  return { ...gate, resolve };
}
