import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, expectStatus, type Ask } from "../dev/api.ts";
import type { Region } from "../schema/regions.ts";
import { importSealingKey, sealMessage } from "../schema/audit/message.ts";
import { shardOf } from "../schema/shard.ts";
import { newId } from "../schema/ids.ts";
import { rowsOf, withSql, type AuditRow } from "./audit-log-reading.ts";
import { startOwnPlatform, type OwnPlatform } from "./own-platform.ts";
import { eventually, wait } from "./world.ts";

let own: OwnPlatform;

beforeAll(async () => {
  // Nobody listens at the replica's address: everything below is read from the primary.
  own = await startOwnPlatform({ consumersApart: true, replicaUrl: "postgres://nobody:none@127.0.0.1:9/none" }, "ci");
});

afterAll(() => own.close());

/** The rows of the test's customer, in both regions. */
async function allRows(): Promise<AuditRow[]> {
  const [us, eu] = await Promise.all([
    rowsOf(own.platform.ownerUrl("us"), own.customerId),
    rowsOf(own.platform.ownerUrl("eu"), own.customerId),
  ]);
  return [...us, ...eu];
}

function queueOf(region: Region): string {
  return `domicile-audit-${region}`;
}

async function untilWritten(): Promise<void> {
  // A region packs records of reads for up to a second before it sends them.
  await wait(1500);
  await eventually(async () => {
    const waiting = (region: Region) => own.platform.queues.metrics(queueOf(region)).backlogCount;
    return waiting("us") + waiting("eu") === 0;
  }, 60_000);
}

interface Asked {
  readonly requestId: string;
  readonly region: string;
  readonly status: number;
}

/** A mix of what principals do: reads and changes, ours and proxied, some that are refused. */
const kinds: readonly { readonly path: string; readonly request: Ask }[] = [
  { path: "/v1/limits", request: {} },
  { path: "/orders/42", request: {} },
  { path: "/v1/me", request: {} },
  { path: "/orders", request: { method: "POST", body: { note: "x" } } },
  { path: "/v1/me", request: { method: "PATCH", body: { name: "Renamed" } } },
  { path: "/v1/users/usr_01h455vb4pex5vsknk084sn02q", request: {} },
];

describe("delivery of audit records", () => {
  it("records 10,000 requests once each, at home, though consumers are killed and Postgres is away for 20 s", async () => {
    const regions: Region[] = ["us", "eu"];
    const users = await Promise.all(
      Array.from({ length: 8 }, (_, at) => own.user(`mixed-${at}@own.example`, "admin", regions[at % 2] ?? "us")),
    );
    const answered: Asked[] = [];
    let asked = 0;
    const client = async (at: number): Promise<void> => {
      const token = users[at % users.length]?.token ?? "";
      while (asked < 10_000) {
        const { path, request } = kinds[asked++ % kinds.length] ?? { path: "/v1/limits", request: {} };
        const { headers, status } = await ask(own.platform.baseUrl, path, { ...request, token });
        const region = headers.get("domicile-region") ?? "";
        answered.push({ requestId: headers.get("domicile-request-id") ?? "", region, status });
        // Slow enough for the faults below to come in the middle.
        await wait(40);
      }
    };
    const clients = Promise.all(Array.from({ length: 24 }, (_, at) => client(at)));
    await wait(1500);
    await own.platform.killConsumers();
    await wait(500);
    await own.platform.startConsumers();
    await wait(1000);
    await own.platform.postgres.stop("immediate");
    await wait(10_000);
    await own.platform.killConsumers();
    await own.platform.startConsumers();
    await wait(10_000);
    await own.platform.postgres.start();
    await clients;
    await untilWritten();
    expect(answered).toHaveLength(10_000);
    expect(answered.filter(({ status }) => status === 503).length).toBeGreaterThan(0);
    expect(answered.filter(({ region }) => region === "")).toEqual([]);
    const rows = await allRows();
    const byRequest = Map.groupBy(rows, (row) => row.request_id);
    const wrong = answered.filter(({ requestId, region }) => {
      const written = byRequest.get(requestId) ?? [];
      return written.length !== 1 || written[0]?.region !== region;
    });
    expect(wrong).toEqual([]);
    // Besides them: eight users made, eight signed in, and the customer.
    expect(rows).toHaveLength(10_000 + 8 + 8 + 1);
    for (const region of regions) {
      const indexes = rows.filter((row) => row.region === region).map((row) => Number(row.leaf_index));
      expect(indexes).toEqual(indexes.map((_, at) => at));
    }
  }, 180_000);

  it("keeps what the queue refuses in the outbox at home, and writes it from there", async () => {
    const { token } = await own.user("outbox@own.example", "admin", "eu");
    own.platform.queues.refuse(queueOf("eu"), true);
    try {
      const change = await ask(own.platform.baseUrl, "/v1/me", { method: "PATCH", token, body: { name: "Kept" } });
      expect(change.status).toBe(200);
      const requestId = change.headers.get("domicile-request-id");
      await eventually(async () => (await allRows()).some((row) => row.request_id === requestId), 15_000);
    } finally {
      own.platform.queues.refuse(queueOf("eu"), false);
    }
    const rows = await rowsOf(own.platform.ownerUrl("eu"), own.customerId);
    expect(new Set(rows.map((row) => row.id)).size).toBe(rows.length);
  });

  it("reads from the primary while the replica is away", async () => {
    const { token } = await own.user("replica@own.example", "admin", "us");
    const answer = await ask<{ data: unknown[] }>(own.platform.baseUrl, "/v1/audit-logs?limit=5", { token });
    expect(answer.status).toBe(200);
    expect(answer.body.data).toHaveLength(5);
    expect((await ask(own.platform.baseUrl, "/v1/audit-logs/recent", { token })).status).toBe(200);
    expect(own.platform.logs.some(({ message }) => message.includes('"replica.failed"'))).toBe(true);
  });

  it("writes a message that comes twice once", async () => {
    const { token } = await own.user("twice@own.example", "member", "us");
    own.platform.queues.pause(queueOf("us"), true);
    const change = await ask(own.platform.baseUrl, "/v1/me", { method: "PATCH", token, body: { name: "Once" } });
    const waiting = own.platform.queues.peek(queueOf("us"));
    for (const { contentType, body } of waiting)
      own.platform.queues.send(queueOf("us"), [{ contentType, body: Buffer.from(body, "base64"), delaySeconds: 0 }]);
    own.platform.queues.pause(queueOf("us"), false);
    await untilWritten();
    const requestId = change.headers.get("domicile-request-id");
    expect((await allRows()).filter((row) => row.request_id === requestId)).toHaveLength(1);
  });

  it("goes on without a gap when customers are divided among more writers, messages for the old one under way", async () => {
    const { token } = await own.user("shards@own.example", "admin", "eu");
    const before = (await rowsOf(own.platform.ownerUrl("eu"), own.customerId)).length;
    const change = (name: string) => ask(own.platform.baseUrl, "/v1/me", { method: "PATCH", token, body: { name } });
    own.platform.queues.pause(queueOf("eu"), true);
    for (let at = 0; at < 10; at++) await change(`old ${at}`);
    const shardCount = [2, 3, 4, 5, 6, 7, 8].find((count) => shardOf(own.customerId, count) !== 0);
    own.platform.variables["AUDIT_SHARDS"] = String(shardCount);
    await own.platform.restartWorkers();
    for (let at = 0; at < 10; at++) await change(`new ${at}`);
    const shards = new Set(
      own.platform.queues
        .peek(queueOf("eu"))
        .map(({ body }) => (JSON.parse(Buffer.from(body, "base64").toString()) as { shard: number }).shard),
    );
    own.platform.queues.pause(queueOf("eu"), false);
    await untilWritten();
    expect(shards.size).toBe(2);
    const rows = await rowsOf(own.platform.ownerUrl("eu"), own.customerId);
    expect(rows.length).toBeGreaterThanOrEqual(before + 20);
    expect(rows.map((row) => Number(row.leaf_index))).toEqual(rows.map((_, at) => at));
    // The new writer has signed nothing yet, and goes on from what the old one published.
    const checkpoint = await ask<{ tree_size: number }>(own.platform.baseUrl, "/v1/audit-logs/checkpoint", { token });
    expect(checkpoint.status).toBe(200);
    expect(checkpoint.body.tree_size).toBeGreaterThanOrEqual(rows.length);
  });

  it("lets no entry that the database refuses hold up the others", async () => {
    const queue = queueOf("us");
    const [jwk] = own.platform.secrets.regions.us.auditSealingKeys;
    if (jwk === undefined) throw new Error("no key to seal to");
    const { d: _private, ...publicJwk } = jwk;
    const key = await importSealingKey(publicJwk);
    const seal = async (timestamp: number) => {
      const ids = { id: newId("auditRecord"), request_id: newId("request"), customer_id: own.customerId };
      const nobody = {
        user_id: null,
        api_key_id: null,
        resource_id: null,
        ip_address: null,
        user_agent: null,
        detail: null,
      };
      const named = { action: "GET /x", resource_type: "x", outcome: "success", timestamp } as const;
      const label = { id: newId("message"), region: "us", shard: 0 } as const;
      return { id: ids.id, message: await sealMessage([{ ...ids, ...nobody, ...named }], label, key) };
    };
    const sealed = [await seal(Date.now()), await seal(Date.UTC(2100, 0, 1)), await seal(Date.now())];
    own.platform.queues.pause(queue, true);
    for (const { message } of sealed)
      own.platform.queues.send(queue, [
        { contentType: "json", body: Buffer.from(JSON.stringify(message)), delaySeconds: 0 },
      ]);
    own.platform.queues.pause(queue, false);
    await untilWritten();
    const ids = new Set((await allRows()).map((row) => row.id));
    expect(sealed.map(({ id }) => ids.has(id))).toEqual([true, false, true]);
    await eventually(async () => {
      const letters = await withSql(own.platform.ownerUrl("us"), (sql) =>
        sql`select reason from dead_letters`.values(),
      );
      return letters.flat().includes("refused_by_database_22023");
    }, 15_000);
    await withSql(own.platform.superuserUrl("us"), (sql) => sql`delete from dead_letters`);
  });

  it("buries poison sealed as it is, says so, and writes a letter that is replayed when it can be opened", async () => {
    const queue = queueOf("us");
    const poison = { v: 1, kind: "audit.entries", id: "msg_poison", region: "us", shard: 0, sealed: "e30.x.y.z.t" };
    const send = (body: unknown): void =>
      own.platform.queues.send(queue, [
        { contentType: "json", body: Buffer.from(JSON.stringify(body)), delaySeconds: 0 },
      ]);
    send(poison);
    send({ nothing: "of ours" });
    const operator = own.platform.secrets.operatorToken;
    const letters = () =>
      ask<{ data: { id: string; reason: string; queue: string }[] }>(
        own.platform.baseUrl,
        "/operator/v1/dead-letters?region=us",
        { token: operator },
      );
    await eventually(async () => (await letters()).body.data.length === 2, 15_000);
    const { data } = (await letters()).body;
    expect(data.map(({ reason }) => reason).toSorted()).toEqual(["malformed", "unknown_key"]);
    expect(own.platform.logs.filter(({ message }) => message.includes('"reason":"unknown_key"'))).toHaveLength(1);
    const metrics = await fetch(`${own.platform.baseUrl}/operator/v1/metrics`, {
      headers: { authorization: `Bearer ${operator}` },
    });
    expect(await metrics.text()).toContain('domicile_dead_letters{region="us"} 2');
    const [letter] = data;
    const replay = await ask(own.platform.baseUrl, `/operator/v1/dead-letters/${letter?.id}/replay?region=us`, {
      method: "POST",
      token: operator,
    });
    expect(replay.status).toBe(409);
    const all = await ask(own.platform.baseUrl, "/operator/v1/dead-letters/replay?region=us", {
      method: "POST",
      token: operator,
    });
    expect(all.body).toEqual({ replayed: 0, refused: 2, waiting: 2 });
  });

  it("replays a dead letter whose key has been put back", async () => {
    const { token } = await own.user("letter@own.example", "member", "eu");
    own.platform.queues.pause(queueOf("eu"), true);
    const change = await ask(own.platform.baseUrl, "/v1/me", { method: "PATCH", token, body: { name: "Letter" } });
    const requestId = change.headers.get("domicile-request-id");
    const [message] = own.platform.queues.peek(queueOf("eu")).slice(-1);
    const body = Buffer.from(message?.body ?? "", "base64").toString();
    await withSql(
      own.platform.ownerUrl("eu"),
      (sql) => sql`insert into dead_letters (id, queue, reason, body, received_at)
        values ('letter-1', 'domicile-audit-eu', 'unknown_key', ${body}, now())`,
    );
    const request = { method: "POST", token: own.platform.secrets.operatorToken };
    const all = await ask(own.platform.baseUrl, "/operator/v1/dead-letters/replay?region=eu", request);
    expect(all.body).toEqual({ replayed: 1, refused: 0, waiting: 0 });
    await expectStatus(200, own.platform.baseUrl, "/operator/v1/dead-letters/letter-1/replay?region=eu", request);
    expect((await allRows()).filter((row) => row.request_id === requestId)).toHaveLength(1);
    own.platform.queues.pause(queueOf("eu"), false);
    await untilWritten();
    expect((await allRows()).filter((row) => row.request_id === requestId)).toHaveLength(1);
  });
});
