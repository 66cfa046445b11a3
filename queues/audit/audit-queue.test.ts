import { exportJWK, generateKeyPair } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import type { AuditEntry } from "../../schema/audit/entry.ts";
import { importSealingKey, openMessage, type AuditMessage, type SealingKey } from "../../schema/audit/message.ts";
import type { WriteOutcome } from "../../schema/audit/written.ts";
import type { DeadLetter } from "../../schema/dead-letter.ts";
import { newId, timeOfId } from "../../schema/ids.ts";
import { consumeAudit } from "./consume.ts";
import { AuditSender } from "./send.ts";

let publicKey: SealingKey;
let privateKey: SealingKey;

beforeAll(async () => {
  const pair = await generateKeyPair("ECDH-ES", { crv: "X25519", extractable: true });
  publicKey = await importSealingKey({ ...(await exportJWK(pair.publicKey)), kid: "eu_test" });
  privateKey = await importSealingKey({ ...(await exportJWK(pair.privateKey)), kid: "eu_test" });
});

function entry(change: Partial<AuditEntry> = {}): AuditEntry {
  const id = newId("auditRecord");
  return {
    id,
    customer_id: "cus_01h455vb4pex5vsknk084sn02q",
    user_id: "usr_01h455vb4pex5vsknk084sn02q",
    api_key_id: null,
    action: "me.read",
    resource_type: "user",
    resource_id: null,
    outcome: "success",
    timestamp: timeOfId(id),
    request_id: newId("request"),
    ip_address: "203.0.113.7",
    user_agent: "Test/1",
    detail: null,
    ...change,
  };
}

/** A sender whose queue and outbox can be made to refuse. */
function newSender() {
  const world = {
    queued: [] as AuditMessage[],
    kept: [] as AuditMessage[],
    queueRefuses: false,
    outboxRefuses: false,
    /** Called for each message: whether queue and outbox refuse it. */
    refuse: () => false,
    pending: [] as Promise<unknown>[],
    settle: async () => {
      while (world.pending.length > 0) await Promise.all(world.pending.splice(0));
    },
  };
  const refusedIds = new Set<string>();
  const sender = new AuditSender({
    shards: 1,
    keyOf: async () => publicKey,
    send: async (_region, message) => {
      if (world.refuse()) refusedIds.add(message.id);
      if (world.queueRefuses || refusedIds.has(message.id)) throw new Error("refused");
      world.queued.push(message);
    },
    keep: async (_region, message) => {
      if (world.outboxRefuses || refusedIds.has(message.id)) throw new Error("refused");
      world.kept.push(message);
    },
  });
  const waitUntil = (promise: Promise<unknown>): void => {
    world.pending.push(promise);
  };
  return { world, sender, waitUntil };
}

async function idsIn(messages: readonly AuditMessage[]): Promise<string[]> {
  const opened = await Promise.all(messages.map((message) => openMessage(message, [privateKey])));
  return opened.flatMap((one) => (one.kind === "opened" ? one.entries.map(({ id }) => id) : []));
}

describe("sending", () => {
  it("packs what comes within a second, up to a hundred entries a message, each entry once", async () => {
    const { world, sender, waitUntil } = newSender();
    const entries = Array.from({ length: 250 }, () => entry());
    for (const one of entries) sender.later("eu", one, waitUntil);
    await world.settle();
    expect(world.queued.map(({ region, shard }) => ({ region, shard }))).toEqual(
      Array.from({ length: 3 }, () => ({ region: "eu", shard: 0 })),
    );
    expect((await idsIn(world.queued)).toSorted()).toEqual(entries.map(({ id }) => id).toSorted());
  });

  it("keeps messages below what a queue takes, however long user agents are", async () => {
    const { world, sender, waitUntil } = newSender();
    for (let at = 0; at < 100; at++) sender.later("eu", entry({ user_agent: "\u00ff".repeat(512) }), waitUntil);
    await world.settle();
    expect(world.queued.length).toBeGreaterThan(1);
    for (const message of world.queued) expect(JSON.stringify(message).length).toBeLessThan(64_000);
    expect(await idsIn(world.queued)).toHaveLength(100);
  });

  it("sends a change at once with what waits, and says nothing of what it seals", async () => {
    const { world, sender, waitUntil } = newSender();
    const read = entry();
    const change = entry({ action: "me.update" });
    sender.later("eu", read, waitUntil);
    await sender.now("eu", change, waitUntil);
    expect(await idsIn(world.queued)).toEqual([read.id, change.id]);
    expect(JSON.stringify(world.queued)).not.toContain("203.0.113.7");
    await world.settle();
    expect(world.queued).toHaveLength(1);
  });

  it("packs reads for a whole second also after a change has taken earlier reads along", async () => {
    const { world, sender, waitUntil } = newSender();
    const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    const [first, change, second, third] = [entry(), entry({ action: "me.update" }), entry(), entry()];
    sender.later("eu", first, waitUntil);
    await pause(500);
    await sender.now("eu", change, waitUntil);
    sender.later("eu", second, waitUntil);
    await pause(700);
    sender.later("eu", third, waitUntil);
    await world.settle();
    expect(await Promise.all(world.queued.map((message) => idsIn([message])))).toEqual([
      [first.id, change.id],
      [second.id, third.id],
    ]);
  });

  it("hands what the queue refuses to the outbox, the same message", async () => {
    const { world, sender, waitUntil } = newSender();
    world.queueRefuses = true;
    const change = entry();
    await sender.now("eu", change, waitUntil);
    expect(await idsIn(world.kept)).toEqual([change.id]);
  });

  it("says which of several messages are durable when the queue and the outbox refuse one", async () => {
    const { world, sender } = newSender();
    const entries = Array.from({ length: 150 }, () => entry());
    let messages = 0;
    world.refuse = () => ++messages === 2;
    const durable = await sender.together("eu", entries);
    expect(durable).toEqual(new Set(entries.slice(0, 100).map(({ id }) => id)));
    expect(await idsIn(world.queued)).toEqual(entries.slice(0, 100).map(({ id }) => id));
    expect(world.kept).toEqual([]);
  });

  it("tells a change that it is not recorded when nobody takes it, and goes on trying for the reads that came along", async () => {
    const { world, sender, waitUntil } = newSender();
    world.queueRefuses = true;
    world.outboxRefuses = true;
    const read = entry();
    sender.later("eu", read, waitUntil);
    await expect(sender.now("eu", entry(), waitUntil)).rejects.toThrow("refused");
    world.queueRefuses = false;
    await world.settle();
    expect(await idsIn(world.queued)).toEqual([read.id]);
  });
});

describe("opening", () => {
  it("takes a message for poison when its label, its seal or its key is another's", async () => {
    const { world, sender, waitUntil } = newSender();
    await sender.now("eu", entry(), waitUntil);
    const [message] = world.queued;
    if (message === undefined) throw new Error("nothing was sent");
    const reasonOf = async (one: AuditMessage, key = privateKey) => {
      const opened = await openMessage(one, [key]);
      return opened.kind === "poison" ? opened.reason : opened.kind;
    };
    expect(await reasonOf(message)).toBe("opened");
    expect(await reasonOf({ ...message, region: "us" })).toBe("mislabelled");
    expect(await reasonOf({ ...message, shard: 1 })).toBe("mislabelled");
    expect(await reasonOf({ ...message, id: "msg_other" })).toBe("mislabelled");
    expect(await reasonOf({ ...message, sealed: `${message.sealed.slice(0, -2)}AA` })).toBe("not_sealed_to_us");
    expect(await reasonOf({ ...message, sealed: "garbage" })).toBe("unknown_key");
    expect(await reasonOf(message, { ...privateKey, kid: "eu_other" })).toBe("unknown_key");
  });
});

/** A batch as a queue gives it, that notes what became of each message. */
function batchOf(bodies: readonly unknown[]) {
  const fates = new Map<string, string>();
  const messages = bodies.map((body, at) => ({
    id: `m${at}`,
    timestamp: new Date(),
    attempts: 3,
    body,
    ack: () => fates.set(`m${at}`, "acked"),
    retry: (options?: { delaySeconds?: number }) => fates.set(`m${at}`, `again in ${options?.delaySeconds}`),
  }));
  return { fates, batch: { queue: "domicile-audit-eu", messages } as unknown as MessageBatch };
}

describe("consuming", () => {
  const label = { v: 1, kind: "audit.entries", region: "eu", sealed: "x" } as const;

  it("acknowledges each message on its own: written, buried, or to come again", async () => {
    const buried: DeadLetter[] = [];
    const outcomes: WriteOutcome[] = [{ kind: "written" }, { kind: "poison", reason: "malformed" }, { kind: "away" }];
    const bodies = ["a", "b", "c"].map((id) => Object.assign({ id, shard: 0 }, label));
    const { batch, fates } = batchOf([...bodies, "nonsense"]);
    await consumeAudit(batch, {
      write: async () => outcomes,
      bury: async (letter) => {
        buried.push(letter);
      },
    });
    expect(Object.fromEntries(fates)).toEqual({
      m0: "acked",
      m1: "acked",
      m2: "again in 4",
      m3: "acked",
    });
    expect(buried.map(({ id, reason }) => [id, reason])).toEqual([
      ["m3", "malformed"],
      ["m1", "malformed"],
    ]);
  });

  it("loses nothing when the log or the dead-letter queue cannot be reached", async () => {
    const { batch, fates } = batchOf([{ ...label, id: "a", shard: 0 }, { ...label, id: "b", shard: 1 }, 7]);
    await consumeAudit(batch, {
      write: async (shard) => {
        if (shard === 0) throw new Error("unreachable");
        return [{ kind: "written" }];
      },
      bury: () => Promise.reject(new Error("unreachable")),
    });
    expect(Object.fromEntries(fates)).toEqual({
      m0: "again in 4",
      m1: "acked",
      m2: "again in 4",
    });
  });
});
