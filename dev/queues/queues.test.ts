import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { root } from "../bundle.ts";
import { Broker } from "./broker.ts";
import type { BatchResult } from "./local-queue.ts";
import { freePort } from "../free-port.ts";
import { dispatchBatch } from "../runtime/dispatch.ts";
import { startRuntime, type Runtime } from "../runtime/runtime.ts";
import type { StoredMessage } from "./message.ts";
import { localQueue } from "./plugin.ts";
import { queueHeaders, serveQueues } from "./server.ts";

let folder: string;
let broker: Broker;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "domicile-queues-"));
  broker = new Broker(folder);
});

afterEach(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true });
});

function send(...texts: string[]): void {
  for (const text of texts) broker.send("q", [{ contentType: "text", body: Buffer.from(text), delaySeconds: 0 }]);
}

function textOf({ body }: StoredMessage): string {
  return Buffer.from(body, "base64").toString();
}

const acked: BatchResult = {
  outcome: "ok",
  ackAll: false,
  retryBatch: { retry: false },
  explicitAcks: [],
  retryMessages: [],
};

async function eventually(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error("does not hold within 5 s");
    await new Promise((looked) => setTimeout(looked, 5));
  }
}

describe("a local queue", () => {
  it("keeps what it took through the end of its process, but for a line that was half written", () => {
    send("a", "b");
    appendFileSync(join(folder, "q.journal"), '{"put":{"id":"half');
    const successor = new Broker(folder);
    expect(successor.peek("q").map(textOf)).toEqual(["a", "b"]);
    expect(readFileSync(join(folder, "q.journal"), "utf8")).not.toContain("half");
  });

  it("delivers each message once when it is acknowledged, in batches", async () => {
    const batches: string[][] = [];
    send(...Array.from({ length: 25 }, (_, at) => String(at)));
    broker.consume("q", { maxBatchSize: 10, maxBatchTimeout: 0 }, async (_queue, messages) => {
      batches.push(messages.map(textOf));
      return acked;
    });
    await eventually(() => broker.metrics("q").backlogCount === 0);
    expect(batches.map((batch) => batch.length)).toEqual([10, 10, 5]);
    expect(batches.flat()).toEqual(Array.from({ length: 25 }, (_, at) => String(at)));
    expect(broker.metrics("q")).toEqual({ backlogCount: 0, backlogBytes: 0, oldestMessageTimestamp: 0 });
    expect(broker.operations()).toEqual({ written: 25, read: 25, deleted: 25 });
  });

  it("counts an operation for each 64,000 bytes with the metadata, and a read for each delivery", async () => {
    send("x".repeat(63_900), "x".repeat(63_901));
    let deliveries = 0;
    broker.consume("q", { maxBatchTimeout: 0, maxRetries: 2 }, async () => {
      deliveries += 1;
      return deliveries === 1 ? { ...acked, retryBatch: { retry: true } } : acked;
    });
    await eventually(() => deliveries === 2 && broker.metrics("q").backlogCount === 0);
    expect(broker.operations()).toEqual({ written: 3, read: 6, deleted: 3 });
  });

  it("counts a failed delivery, and none that reached nobody; what has used up its retries goes to the dead letters", async () => {
    let reachable = false;
    const attempts: number[] = [];
    broker.consume("q", { maxBatchTimeout: 0, maxRetries: 2, deadLetterQueue: "dead" }, async (_queue, messages) => {
      if (!reachable) throw new Error("nobody there");
      attempts.push(...messages.map((message) => message.attempts));
      return { ...acked, outcome: "exception" };
    });
    send("x");
    await new Promise((waited) => setTimeout(waited, 300));
    expect(broker.peek("q")).toMatchObject([{ attempts: 0 }]);
    reachable = true;
    await eventually(() => broker.peek("dead").length === 1);
    expect(attempts).toEqual([0, 1, 2]);
    expect(broker.peek("q")).toEqual([]);
    expect(broker.peek("dead").map(textOf)).toEqual(["x"]);
  });

  it("retries single messages after the delay they ask for", async () => {
    const seen: string[] = [];
    broker.consume("q", { maxBatchTimeout: 0 }, async (_queue, messages) => {
      seen.push(...messages.map(textOf));
      const again = messages.filter((message) => textOf(message) === "again" && message.attempts === 0);
      return { ...acked, retryMessages: again.map(({ id }) => ({ msgId: id, delaySeconds: 1 })) };
    });
    send("once", "again");
    await eventually(() => broker.metrics("q").backlogCount === 0);
    expect(seen.toSorted()).toEqual(["again", "again", "once"]);
  });
});

describe("workerd's Queue binding before a local queue", () => {
  const consumer = `export default {
    async fetch(request, env) {
      if (request.method === "GET") return Response.json(globalThis.seen ?? []);
      try {
        await env.Q.send("text", { contentType: "text" });
        await env.Q.send({ json: [1] }, { contentType: "json" });
        await env.Q.send(new Map([["v8", 1]]), { contentType: "v8" });
        await env.Q.sendBatch([{ body: "first", contentType: "text" }, { body: new Uint8Array([7, 8]), contentType: "bytes" }]);
        return Response.json(await env.Q.metrics());
      } catch (error) {
        return new Response(String(error), { status: 503 });
      }
    },
    async queue(batch) {
      globalThis.seen ??= [];
      for (const { body } of batch.messages)
        globalThis.seen.push(body instanceof Map ? [...body] : body instanceof ArrayBuffer ? [...new Uint8Array(body)] : body);
    },
  }`;

  let port: number;

  async function start(address: string): Promise<Runtime> {
    const binding = {
      name: "Q",
      type: localQueue,
      plugin: { package: join(root, "dev/queues/plugin.ts"), name: localQueue },
      options: { address, headers: queueHeaders("q") },
    };
    port = await freePort();
    const worker = {
      name: "w",
      modules: true,
      script: consumer,
      compatibilityDate: "2026-10-01",
      unsafeBindings: [binding],
      unsafeDirectSockets: [{ host: "127.0.0.1", port }],
    };
    const ignore = (): void => undefined;
    const events = { onLogs: ignore, onReady: ignore, onFault: ignore };
    return startRuntime({ folder: join(folder, "cloudflare"), platform: null, extra: [worker] }, events);
  }

  const request = (method: string): Promise<Response> => fetch(`http://127.0.0.1:${port}/`, { method });

  it("sends every kind of body, which arrive as they were sent although workerd ends in between, and reports a refusal", async () => {
    const server = await serveQueues(broker);
    const first = await start(`127.0.0.1:${server.port}`);
    const sent = await request("POST");
    expect(sent.status).toBe(200);
    expect(await sent.json()).toMatchObject({ backlogCount: 5 });
    broker.refuse("q", true);
    expect((await request("POST")).status).toBe(503);
    broker.refuse("q", false);
    await first.stop();
    const second = await start(`127.0.0.1:${server.port}`);
    broker.consume("q", { maxBatchTimeout: 0 }, async (queue, messages) => {
      if (second.running === null) throw new Error("the runtime is not running");
      return dispatchBatch(second.running.dispatcher, "w", queue, messages);
    });
    await eventually(() => broker.metrics("q").backlogCount === 0);
    const seen = await (await request("GET")).json();
    expect(seen).toEqual(["text", { json: [1] }, [["v8", 1]], "first", [7, 8]]);
    await broker.stop();
    await second.stop();
    await server.close();
  });
});
