import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, expectStatus } from "../dev/api.ts";
import { newDataKey } from "../dev/secrets.ts";
import { withSql } from "./audit-log-reading.ts";
import { startOwnWebhooks, type OwnWebhooks } from "./own-webhooks.ts";
import { loadPaths, runLoad } from "./webhook-load.ts";
import { eventually, wait } from "./world.ts";

const queue = "domicile-webhooks-us";

let world: OwnWebhooks;

beforeAll(async () => {
  world = await startOwnWebhooks();
});

afterAll(() => world.close());

describe("kill -9 of everything that runs", () => {
  it("after the commit, before the queue has the message: the sweeper hands it over, and it comes once", async () => {
    await world.endpoint("/committed");
    world.own.platform.queues.refuse(queue, true);
    const id = await world.emit("committed.one");
    await world.own.platform.restartWorkers("kill");
    world.own.platform.queues.refuse(queue, false);
    expect(await world.untilDelivered(id, "/committed")).toBe(1);
    expect(world.own.platform.logs.some(({ message }) => message.includes('"webhooks.swept"'))).toBe(true);
  }, 90_000);

  it("after the queue has the message: it comes once", async () => {
    await world.endpoint("/queued");
    world.own.platform.queues.pause(queue, true);
    const id = await world.emit("queued.one");
    await eventually(async () => world.own.platform.queues.peek(queue).length === 1);
    await world.own.platform.restartWorkers("kill");
    world.own.platform.queues.pause(queue, false);
    expect(await world.untilDelivered(id, "/queued")).toBe(1);
  }, 90_000);

  it("while it is being posted: it comes again, with the same id", async () => {
    await world.endpoint("/posting");
    world.receiver.answer = () => ({ status: 204, hang: true });
    const id = await world.emit("posting.one");
    await eventually(async () => world.at("/posting").length === 1);
    world.receiver.answer = () => ({ status: 204 });
    await world.own.platform.restartWorkers("kill");
    expect(await world.untilDelivered(id, "/posting")).toBe(2);
  }, 90_000);

  it("after it was posted, while Postgres takes no result: it comes once", async () => {
    await world.endpoint("/answered");
    world.receiver.answer = () => ({ status: 204, afterMs: 1500 });
    const id = await world.emit("answered.one");
    await eventually(async () => world.at("/answered").length === 1);
    await world.own.platform.postgres.stop("immediate");
    // The answer has come, Postgres has been asked and was away, and the result is in the Courier's own store.
    await eventually(
      async () => world.own.platform.logs.some(({ message }) => message.includes('"courier.paused"')),
      15_000,
    );
    await world.own.platform.restartWorkers("kill");
    await world.own.platform.postgres.start();
    world.receiver.answer = () => ({ status: 204 });
    expect(await world.untilDelivered(id, "/answered")).toBe(1);
  }, 90_000);

  it("after it was posted, before the result is anywhere: it comes again, with the same id", async () => {
    await world.endpoint("/unwritten");
    // The status is out, the body is not: the Courier waits for it, and has written nothing.
    world.receiver.answer = () => ({ status: 200, stalls: true });
    const id = await world.emit("unwritten.one");
    await eventually(async () => world.at("/unwritten").length === 1);
    await wait(300);
    world.receiver.answer = () => ({ status: 204 });
    await world.own.platform.restartWorkers("kill");
    expect(await world.untilDelivered(id, "/unwritten")).toBe(2);
  }, 90_000);
});

describe("an endpoint that takes too long", () => {
  it("is given up after the timeout and tried again, and its attempt is listed as a timeout", async () => {
    const { platform } = world.own;
    platform.variables["WEBHOOK_TIMEOUT_MS"] = "700";
    await platform.restartWorkers();
    try {
      await world.endpoint("/late");
      world.receiver.answer = () => ({ status: 204, hang: true });
      const id = await world.emit("late.one");
      await eventually(async () => world.at("/late").length === 2, 10_000);
      world.receiver.answer = () => ({ status: 204 });
      await world.untilDelivered(id, "/late");
      const { body } = await ask<{ data: { attempts: object[] }[] }>(
        platform.baseUrl,
        `/v1/deliveries?event_id=${id}`,
        { token: world.token },
      );
      expect(body.data[0]?.attempts[0]).toMatchObject({ number: 1, status_code: null, error: "timeout" });
    } finally {
      world.receiver.answer = () => ({ status: 204 });
      delete platform.variables["WEBHOOK_TIMEOUT_MS"];
      await platform.restartWorkers();
    }
  }, 60_000);
});

describe("a queue that refuses", () => {
  it("delays what was parked until the sweeper comes, when its endpoint is enabled again", async () => {
    const { token } = world;
    const made = await world.endpoint("/refused");
    const path = `/v1/webhook-endpoints/${made.id}`;
    const set = (status: string) =>
      expectStatus(200, world.own.platform.baseUrl, path, { method: "PATCH", token, body: { status } });
    await set("disabled");
    const id = await world.emit("refused.one");
    world.own.platform.queues.refuse(queue, true);
    await set("enabled");
    await wait(500);
    world.own.platform.queues.refuse(queue, false);
    expect(await world.untilDelivered(id, "/refused")).toBe(1);
  }, 60_000);
});

describe("without Postgres", () => {
  it("accepts no event, and delivers what it had accepted when it is back", async () => {
    await world.endpoint("/outage");
    world.own.platform.queues.pause(queue, true);
    const id = await world.emit("outage.one");
    await world.own.platform.postgres.stop("immediate");
    world.own.platform.queues.pause(queue, false);
    const refused = await ask(world.own.platform.baseUrl, "/v1/events", {
      method: "POST",
      token: world.token,
      body: { type: "outage.two", data: {} },
    });
    expect(refused.status).toBe(503);
    await wait(1000);
    await world.own.platform.postgres.start();
    expect(await world.untilDelivered(id, "/outage")).toBe(1);
  }, 60_000);

  it("delivers once when the connection hangs while it posts, though Postgres accepts others", async () => {
    await world.endpoint("/hung");
    const id = await emitAndHold("hung.one", "/hung");
    const backends = await webhookBackends();
    expect(backends.length).toBeGreaterThan(0);
    for (const pid of backends) process.kill(pid, "SIGSTOP");
    try {
      expect(await world.untilDelivered(id, "/hung")).toBe(1);
    } finally {
      for (const pid of backends) resume(pid);
    }
  }, 90_000);

  it("delivers once, without a pause, when Postgres closes the connection while it posts", async () => {
    const pauses = (): number =>
      world.own.platform.logs.filter(({ message }) => message.includes('"courier.paused"')).length;
    await world.endpoint("/closed");
    const before = pauses();
    const id = await emitAndHold("closed.one", "/closed");
    await withSql(
      world.own.platform.superuserUrl("us"),
      (sql) => sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'us_webhooks'`,
    );
    expect(await world.untilDelivered(id, "/closed")).toBe(1);
    expect(pauses()).toBe(before);
  }, 60_000);

  it("decrypts nothing when the audit record cannot be had", async () => {
    const id = await world.emit("secret.payload", { text: "never-shown-4711" });
    await withSql(world.own.platform.ownerUrl("us"), (sql) => sql`revoke insert on audit_logs from domicile_audit`);
    try {
      for (const [path, credential] of [
        [`/v1/events/${id}/decrypt`, world.token],
        [`/operator/v1/events/${id}/decrypt`, world.own.platform.secrets.operatorToken],
      ] as const) {
        const body = { reason: "look", ticket: "T-1" };
        const { reason } = body;
        const answer = await ask(world.own.platform.baseUrl, path, {
          method: "POST",
          token: credential,
          body: path.startsWith("/v1") ? { reason } : body,
        });
        expect(answer.status).toBe(503);
        expect(JSON.stringify(answer.body)).not.toContain("never-shown-4711");
      }
    } finally {
      await withSql(world.own.platform.ownerUrl("us"), (sql) => sql`grant insert on audit_logs to domicile_audit`);
    }
    const opened = await ask(world.own.platform.baseUrl, `/v1/events/${id}/decrypt`, {
      method: "POST",
      token: world.token,
      body: { reason: "look" },
    });
    expect(opened.body).toEqual({ data: { text: "never-shown-4711" } });
  }, 60_000);
});

describe("under load", () => {
  it("reaches every endpoint with every event: one hangs, one fails half the time, one is down, the key ring is rotated and all are killed", async () => {
    const { us } = world.own.platform.secrets.regions;
    const halfway = async (): Promise<void> => {
      us.dataKeys.unshift(newDataKey("us"));
      await world.own.platform.restartWorkers("kill");
      const rewrapped = await expectStatus<{ rewrapped: number; waiting: number }>(
        200,
        world.own.platform.baseUrl,
        "/operator/v1/data-keys/rewrap?region=us",
        { method: "POST", token: world.own.platform.secrets.operatorToken },
      );
      expect(rewrapped.body.rewrapped).toBeGreaterThan(0);
      expect(rewrapped.body.waiting).toBe(0);
      us.dataKeys.pop();
      await world.own.platform.restartWorkers("kill");
    };
    const load = { events: 400, perSecond: 40, hangMs: 8000, downMs: 33_000, bad: true, halfway };
    const { accepted, received } = await runLoad(world.own, world.token, load, 120_000);
    expect(accepted).toHaveLength(400);
    // Requests whose answers the kills have taken were sent again with their keys: no event is there twice.
    const events = await withSql(
      world.own.platform.ownerUrl("us"),
      (sql) => sql`select id from events where type = 'load.one'`,
    );
    expect(events.map(({ id }) => id as string).toSorted()).toEqual(accepted.toSorted());
    for (const path of loadPaths) {
      const missing = accepted.filter((id) => received.get(path)?.includes(id) !== true);
      expect({ path, missing }).toEqual({ path, missing: [] });
    }
    // No duplicates but of what was killed under way: five at once, two kills.
    const twice = (path: string): number => (received.get(path)?.length ?? 0) - new Set(received.get(path)).size;
    for (const path of ["/healthy-1", "/healthy-2", "/down"]) expect(twice(path)).toBeLessThanOrEqual(10);
  }, 240_000);
});

describe("a dead letter that was taken up again", () => {
  it("costs Postgres nothing while its endpoint does not answer", async () => {
    const made = await world.endpoint("/slow");
    const path = `/v1/webhook-endpoints/${made.id}`;
    const set = (status: string) =>
      expectStatus(200, world.own.platform.baseUrl, path, { method: "PATCH", token: world.token, body: { status } });
    await set("disabled");
    const id = await world.emit("slow.one");
    world.receiver.answer = () => ({ status: 204, hang: true });
    await set("enabled");
    await eventually(async () => world.at("/slow").length === 1, 20_000);
    // What came before is in the statistics within a second.
    await wait(1500);
    const before = await commits();
    await wait(4000);
    // The sweepers' and the log's; a Courier that looked each time it could would make thousands.
    expect((await commits()) - before).toBeLessThan(500);
    world.receiver.answer = () => ({ status: 204 });
    await world.own.platform.restartWorkers("kill");
    expect(await world.untilDelivered(id, "/slow")).toBe(2);
  }, 90_000);
});

/** Emits an event, and returns when it has come to an endpoint that responds 900 ms later: until then the Courier keeps its connection. */
async function emitAndHold(type: string, path: string): Promise<string> {
  world.receiver.answer = () => ({ status: 204, afterMs: 900 });
  const id = await world.emit(type);
  await eventually(async () => world.at(path).length === 1);
  world.receiver.answer = () => ({ status: 204 });
  return id;
}

/** The processes of the connections that the role of the webhooks has to the region's Postgres. */
async function webhookBackends(): Promise<number[]> {
  const rows = await withSql(
    world.own.platform.superuserUrl("us"),
    (sql) => sql`select pid from pg_stat_activity where usename = 'us_webhooks'`,
  );
  return rows.map(({ pid }) => Number(pid));
}

/** Lets a stopped process go on, if it still exists. */
function resume(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Transactions that the region's Postgres has committed. */
async function commits(): Promise<number> {
  return withSql(world.own.platform.superuserUrl("us"), async (sql) => {
    const [row] = await sql`select xact_commit::int as count from pg_stat_database where datname = 'us'`;
    return Number(row?.["count"]);
  });
}
