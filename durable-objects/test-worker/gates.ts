import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { AdmitAnswer, PrincipalRecord, Proof } from "../../schema/admission.ts";
import type { Tier } from "../../schema/config.ts";
import { world, type TestGate } from "./index.ts";

/** The policies of a basic tier. */
export const basic = [
  { name: "sec", quota: 20, window_seconds: 1 },
  { name: "min", quota: 100, window_seconds: 60 },
];

let count = 0;

/** A user with the sessions `one` and `two`, and its Gate. */
export function newUser(change: Partial<Extract<PrincipalRecord, { type: "user" }>> = {}) {
  const id = `usr_${(count += 1)}`;
  const hour = Date.now() + 3_600_000;
  const sessions = [
    { id: "one", expires_at: hour },
    { id: "two", expires_at: hour },
  ];
  const user = {
    type: "user",
    id,
    customer_id: "cus_1",
    role: "member",
    status: "active",
    version: 1,
    sessions,
    ...change,
  } as const;
  world.records.set(id, user);
  return { id, user, gate: env.GATE.getByName(id) };
}

/** An API key with the secret of the hash `right`, and its Gate. */
export function newKey(change: Partial<Extract<PrincipalRecord, { type: "api_key" }>> = {}) {
  const id = `key_${(count += 1)}`;
  const key = {
    type: "api_key",
    id,
    customer_id: "cus_1",
    scopes: ["api"],
    tier: null,
    status: "active",
    version: 1,
    secret_hash: "right",
    expires_at: null,
    ...change,
  } as const satisfies PrincipalRecord;
  world.records.set(id, { ...key, scopes: [...key.scopes] });
  return { id, gate: env.GATE.getByName(id) };
}

/** A tier of `quota` requests that refills one in a second. Its lease is ten at most. */
export function slowly(quota: number): Tier {
  return {
    name: "slowly",
    unlimited: false,
    recheck_seconds: 5,
    policies: [{ name: "min", quota, window_seconds: quota }],
  };
}

/** 0, 1, … `most`. */
export function upTo(most: number): number[] {
  return Array.from({ length: most + 1 }, (_, at) => at);
}

/** A refusal that may be repeated for so many milliseconds. */
export function refusedFor(repeatForMs: number): AdmitAnswer {
  return { kind: "refused", repeatForMs };
}

/** The proof of a session. */
export const session = (sessionId: string): Proof => ({ kind: "session", sessionId });
/** The proof of an API key. */
export const secret = (hash: string): Proof => ({ kind: "secret", hash });

/** Sends requests with these proofs, one after the other, and returns the kinds of the answers. */
export async function ask(gate: DurableObjectStub<TestGate>, proofs: Proof[]): Promise<AdmitAnswer["kind"][]> {
  const kinds: AdmitAnswer["kind"][] = [];
  for (const proof of proofs) {
    // oxlint-disable-next-line no-await-in-loop -- the order counts
    const answer: AdmitAnswer = await gate.admit({ proof, alreadyServed: 0 });
    if (answer.kind === "unavailable") throw new Error("unavailable");
    kinds.push(answer.kind);
  }
  return kinds;
}

/** Sends `requests` requests of one session; how many were admitted. */
export async function askFor(gate: DurableObjectStub<TestGate>, requests: number): Promise<number> {
  const kinds = await Promise.all(Array.from({ length: requests }, () => ask(gate, [session("one")])));
  return kinds.flat().filter((kind) => kind === "admitted").length;
}

/** Evicts a Gate and takes its memory: what a crash or the end of the isolate leaves is what is stored. */
export async function crash(gate: DurableObjectStub<TestGate>): Promise<void> {
  world.ledgers.clear();
  await evictDurableObject(gate);
}

/** Rows that a Gate's SQLite has written since it was opened. */
export function rowsWritten(gate: DurableObjectStub<TestGate>): Promise<number> {
  return runInDurableObject(gate, (_object, { storage }) =>
    Number(storage.sql.exec("select total_changes() as rows").one()["rows"]),
  );
}
