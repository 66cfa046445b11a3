import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { world } from "../test-worker/index.ts";
import { ask, basic, newKey, newUser, refusedFor, secret, session } from "../test-worker/gates.ts";

beforeEach(() => {
  Object.assign(world, { away: false, hold: null });
  world.tier = { name: "basic", unlimited: false, recheck_seconds: 5, policies: basic };
});

describe("a Gate", () => {
  it("refuses a session the moment it is ended, and no other", async () => {
    const { gate } = newUser();
    expect(await ask(gate, [session("one"), session("two")])).toEqual(["admitted", "admitted"]);
    await gate.endSessions(["one"]);
    expect(await ask(gate, [session("one"), session("two")])).toEqual(["refused", "admitted"]);
  });

  it("lets no load that was under way bring an ended session back", async () => {
    const { gate } = newUser();
    const { promise, resolve } = Promise.withResolvers<void>();
    world.hold = promise;
    const waiting = ask(gate, [session("one")]);
    await gate.endSessions(["one"]);
    world.hold = null;
    resolve();
    expect(await waiting).toEqual(["refused"]);
    await evictDurableObject(gate);
    expect(await ask(gate, [session("one")])).toEqual(["refused"]);
  });

  it("finds a session that was begun after it woke", async () => {
    const { gate, id, user } = newUser();
    await ask(gate, [session("one")]);
    world.records.set(id, { ...user, sessions: [...user.sessions, { id: "three", expires_at: Date.now() + 1000 }] });
    expect(await ask(gate, [session("three")])).toEqual(["admitted"]);
  });

  it("refuses everything of a disabled user, and takes no older word for it", async () => {
    const { gate } = newUser();
    await ask(gate, [session("one")]);
    await gate.updateUser({ role: "member", status: "disabled", version: 3 });
    await gate.updateUser({ role: "member", status: "active", version: 2 });
    expect(await ask(gate, [session("one")])).toEqual(["refused"]);
  });

  it("asks Postgres again when a load read less than it had been told", async () => {
    const { gate, id, user } = newUser();
    const { promise, resolve } = Promise.withResolvers<void>();
    world.hold = promise;
    const waiting = ask(gate, [session("one")]);
    await gate.updateUser({ role: "member", status: "disabled", version: 2 });
    world.records.set(id, { ...user, status: "disabled", version: 2, sessions: [] });
    world.hold = null;
    resolve();
    expect(await waiting).toEqual(["refused"]);
  });

  it("refuses a wrong secret, an expired key and a revoked one, at no cost", async () => {
    const { gate } = newKey({ expires_at: Date.now() + 60_000 });
    expect(await ask(gate, [secret("wrong"), secret("right")])).toEqual(["refused", "admitted"]);
    await gate.updateKey({ status: "active", expires_at: Date.now() - 1, version: 2 });
    expect(await ask(gate, [secret("right")])).toEqual(["refused"]);
    await gate.updateKey({ status: "disabled", expires_at: null, version: 3 });
    expect(await ask(gate, [secret("right")])).toEqual(["refused"]);
  });

  it("goes on from its SQLite while Postgres is away, and says so when it knows nothing", async () => {
    const { gate } = newUser();
    await ask(gate, [session("one")]);
    await evictDurableObject(gate);
    world.away = true;
    expect(await ask(gate, [session("one")])).toEqual(["admitted"]);
    const stranger = newUser();
    expect(await stranger.gate.admit({ proof: session("one"), alreadyServed: 0 })).toEqual({
      kind: "unavailable",
      retryAfterSeconds: 2,
    });
  });

  it("refuses whom Postgres does not know", async () => {
    const answer = await env.GATE.getByName("usr_nobody").admit({ proof: session("one"), alreadyServed: 0 });
    expect(answer).toEqual({ kind: "refused", repeatForMs: 10_000 });
  });

  it("asks Postgres no more for having been asleep", async () => {
    const { gate } = newUser();
    await ask(gate, [session("one")]);
    await evictDurableObject(gate);
    const loads = world.loads;
    await ask(gate, [session("one")]);
    expect(world.loads).toBe(loads);
  });

  it("says for how long a refusal holds: not at all for what may be extended, ten seconds for what is not known", async () => {
    const { gate } = newUser({ sessions: [{ id: "short", expires_at: Date.now() + 1000 }] });
    expect(await ask(gate, [session("short")])).toEqual(["admitted"]);
    await new Promise((expired) => setTimeout(expired, 1050));
    expect(await gate.admit({ proof: session("short"), alreadyServed: 0 })).toMatchObject(refusedFor(0));
    expect(await gate.admit({ proof: session("unknown"), alreadyServed: 0 })).toMatchObject(refusedFor(10_000));
    await gate.endSessions(["short"]);
    expect(await gate.admit({ proof: session("short"), alreadyServed: 0 })).toMatchObject(refusedFor(60_000));
    const key = newKey({ expires_at: Date.now() + 60_000 });
    expect(await key.gate.admit({ proof: secret("wrong"), alreadyServed: 0 })).toMatchObject(refusedFor(60_000));
    await key.gate.updateKey({ status: "disabled", expires_at: null, version: 2 });
    expect(await key.gate.admit({ proof: secret("right"), alreadyServed: 0 })).toMatchObject(refusedFor(60_000));
  });

  it("keeps nothing about its principal but ids, standing and levels", async () => {
    const { gate } = newUser();
    await ask(gate, [session("one")]);
    const keys = await runInDurableObject(gate, (_object, state) => [...state.storage.kv.list()].map(([key]) => key));
    expect(keys.toSorted()).toEqual(["ledger", "profile", "session:one", "session:two"]);
  });
});
