import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import type { AdmitAnswer, PrincipalRecord, Proof, Verdict } from "../../schema/admission.ts";
import { world, type TestGate } from "../test-worker/index.ts";

const basic = [
  { name: "sec", quota: 20, window_seconds: 1 },
  { name: "min", quota: 100, window_seconds: 60 },
];

let count = 0;

function newUser(change: Partial<Extract<PrincipalRecord, { type: "user" }>> = {}) {
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

function newKey(change: Partial<Extract<PrincipalRecord, { type: "api_key" }>> = {}) {
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

const session = (sessionId: string): Proof => ({ kind: "session", sessionId });
const secret = (hash: string): Proof => ({ kind: "secret", hash });

async function verdicts(
  gate: DurableObjectStub<TestGate>,
  proofs: Proof[],
  alreadyServed = 0,
): Promise<Verdict["kind"][]> {
  const answer: AdmitAnswer = await gate.admit({ proofs, alreadyServed });
  if (answer.kind === "unavailable") throw new Error("unavailable");
  return answer.verdicts.map((verdict) => verdict.kind);
}

beforeEach(() => {
  Object.assign(world, { away: false, hold: null });
  world.tier = { name: "basic", unlimited: false, recheck_seconds: 5, policies: basic };
});

describe("a Gate", () => {
  it("admits no more of 1,000 concurrent requests than the bucket holds, in whatever calls they come", async () => {
    const { gate } = newUser();
    const began = Date.now();
    const all = await Promise.all(
      Array.from({ length: 200 }, () =>
        verdicts(
          gate,
          Array.from({ length: 5 }, () => session("one")),
        ),
      ),
    );
    const admitted = all.flat().filter((kind) => kind === "admitted").length;
    expect(admitted).toBeGreaterThanOrEqual(20);
    expect(admitted).toBeLessThanOrEqual(20 + 20 * Math.floor((Date.now() - began) / 1000));
  });

  it("forgets no spending when it is evicted in the middle", async () => {
    const { gate } = newUser();
    const began = Date.now();
    let admitted = 0;
    for (let round = 0; round < 10; round++) {
      admitted += (
        await verdicts(
          gate,
          Array.from({ length: 7 }, () => session("one")),
        )
      ).filter((kind) => kind === "admitted").length;
      await evictDurableObject(gate);
    }
    expect(admitted).toBeGreaterThan(0);
    expect(admitted).toBeLessThanOrEqual(20 + 20 * Math.floor((Date.now() - began) / 1000));
  });

  it("limits a user, whatever the number of sessions", async () => {
    const { gate } = newUser();
    const both = await verdicts(
      gate,
      Array.from({ length: 30 }, (_, at) => session(at % 2 ? "one" : "two")),
    );
    expect(both.filter((kind) => kind === "admitted")).toHaveLength(20);
  });

  it("refuses a session the moment it is ended, and no other", async () => {
    const { gate } = newUser();
    expect(await verdicts(gate, [session("one"), session("two")])).toEqual(["admitted", "admitted"]);
    await gate.endSessions(["one"]);
    expect(await verdicts(gate, [session("one"), session("two")])).toEqual(["refused", "admitted"]);
  });

  it("lets no load that was under way bring an ended session back", async () => {
    const { gate } = newUser();
    const { promise, resolve } = Promise.withResolvers<void>();
    world.hold = promise;
    const waiting = verdicts(gate, [session("one")]);
    await gate.endSessions(["one"]);
    world.hold = null;
    resolve();
    expect(await waiting).toEqual(["refused"]);
    await evictDurableObject(gate);
    expect(await verdicts(gate, [session("one")])).toEqual(["refused"]);
  });

  it("finds a session that was begun after it woke", async () => {
    const { gate, id, user } = newUser();
    await verdicts(gate, [session("one")]);
    world.records.set(id, { ...user, sessions: [...user.sessions, { id: "three", expires_at: Date.now() + 1000 }] });
    expect(await verdicts(gate, [session("three")])).toEqual(["admitted"]);
  });

  it("refuses everything of a disabled user, and takes no older word for it", async () => {
    const { gate } = newUser();
    await verdicts(gate, [session("one")]);
    await gate.updateUser({ role: "member", status: "disabled", version: 3 });
    await gate.updateUser({ role: "member", status: "active", version: 2 });
    expect(await verdicts(gate, [session("one")])).toEqual(["refused"]);
  });

  it("asks Postgres again when a load read less than it had been told", async () => {
    const { gate, id, user } = newUser();
    const { promise, resolve } = Promise.withResolvers<void>();
    world.hold = promise;
    const waiting = verdicts(gate, [session("one")]);
    await gate.updateUser({ role: "member", status: "disabled", version: 2 });
    world.records.set(id, { ...user, status: "disabled", version: 2, sessions: [] });
    world.hold = null;
    resolve();
    expect(await waiting).toEqual(["refused"]);
  });

  it("refuses a wrong secret, an expired key and a revoked one, at no cost", async () => {
    const { gate } = newKey({ expires_at: Date.now() + 60_000 });
    expect(await verdicts(gate, [secret("wrong"), secret("right")])).toEqual(["refused", "admitted"]);
    await gate.updateKey({ status: "active", expires_at: Date.now() - 1, version: 2 });
    expect(await verdicts(gate, [secret("right")])).toEqual(["refused"]);
    await gate.updateKey({ status: "disabled", expires_at: null, version: 3 });
    expect(await verdicts(gate, [secret("right")])).toEqual(["refused"]);
  });

  it("goes on from its SQLite while Postgres is away, and says so when it knows nothing", async () => {
    const { gate } = newUser();
    await verdicts(gate, [session("one")]);
    await evictDurableObject(gate);
    world.away = true;
    expect(await verdicts(gate, [session("one")])).toEqual(["admitted"]);
    const stranger = newUser();
    expect(await stranger.gate.admit({ proofs: [session("one")], alreadyServed: 0 })).toEqual({
      kind: "unavailable",
      retryAfterSeconds: 2,
    });
  });

  it("refuses whom Postgres does not know", async () => {
    const answer = await env.GATE.getByName("usr_nobody").admit({ proofs: [session("one")], alreadyServed: 0 });
    expect(answer).toMatchObject({ kind: "decided", facts: null, verdicts: [{ kind: "refused" }] });
  });

  it("asks Postgres no more for having been asleep", async () => {
    const { gate } = newUser();
    await verdicts(gate, [session("one")]);
    await evictDurableObject(gate);
    const loads = world.loads;
    await verdicts(gate, [session("one")]);
    expect(world.loads).toBe(loads);
  });

  it("counts the usage of an unlimited tier, what was served without asking included", async () => {
    world.tier = { name: "ci", unlimited: true, recheck_seconds: 5, policies: [] };
    const { gate } = newKey();
    await gate.admit({ proofs: [secret("right"), secret("right")], alreadyServed: 0 });
    const answer = await gate.admit({ proofs: [secret("right")], alreadyServed: 40 });
    expect(answer).toMatchObject({ usage: 43, reuseForMs: 5000 });
  });

  it("keeps nothing about its principal but ids, standing and levels", async () => {
    const { gate } = newUser();
    await verdicts(gate, [session("one")]);
    const keys = await runInDurableObject(gate, (_object, state) => [...state.storage.kv.list()].map(([key]) => key));
    expect(keys.toSorted()).toEqual(["ledger", "profile", "session:one", "session:two"]);
  });
});
