// The stack a user would build instead: Fastify takes an event, with its session in Redis, stores it in Postgres and adds a job for each
// endpoint to BullMQ over Redis; baseline-worker.ts delivers. This process is the API, and starts the rest.
import { fork, type ChildProcess } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Queue } from "bullmq";
import Fastify from "fastify";
import type postgres from "postgres";
import { startServices } from "./baseline-services.ts";
import { jobOptions, queueOf, type Endpoint, type Work } from "./baseline-work.ts";
import { given, postmasterOf, serveContender } from "./contender.ts";

interface Body {
  readonly type: string;
  readonly data: postgres.JSONValue;
}

const { folder, urls } = given();
const endpoints = urls.map((url, number): Endpoint => ({
  number,
  url,
  secret: `whsec_${randomBytes(24).toString("base64")}`,
}));
const services = await startServices(join(folder, "baseline"));
const { redis, redisPort, redisPid, sql, postgresUrl } = services;
const queues = new Map(endpoints.map((endpoint) => [queueOf(endpoint), newQueue(queueOf(endpoint))]));

try {
  const token = randomBytes(32).toString("base64url");
  await redis.set(`session:${token}`, JSON.stringify({ user: "user-0", customer: "acme" }), "EX", 3600);
  const worker = await startWorker();
  const baseUrl = await listen();
  const postmaster = await postmasterOf(postgresUrl);
  const parts = { worker: [worker.pid ?? 0], Redis: [redisPid], Postgres: [postmaster] };
  const ready = { name: "BullMQ, Redis, Postgres", baseUrl, token, roots: [process.pid, postmaster], parts };
  serveContender(ready, {
    hold: async (held) => {
      await Promise.all([...queues.values()].map((queue) => (held ? queue.pause() : queue.resume())));
    },
    stop: async () => {
      worker.kill();
      await services.stop();
    },
  });
} catch (error) {
  await services.stop();
  throw error;
}

function newQueue(name: string): Queue<Work> {
  return new Queue<Work>(name, { connection: { port: redisPort } });
}

async function startWorker(): Promise<ChildProcess> {
  const worker = fork(fileURLToPath(new URL("baseline-worker.ts", import.meta.url)), {
    env: { ...process.env, REDIS_PORT: String(redisPort), POSTGRES: postgresUrl, ENDPOINTS: JSON.stringify(endpoints) },
  });
  await new Promise((ready, failed) => {
    worker.once("message", ready);
    worker.once("exit", (code) => failed(new Error(`the worker ended with ${code}`)));
  });
  return worker;
}

/** The API: `POST /v1/events`. */
function listen(): Promise<string> {
  const app = Fastify();
  app.post<{ Body: Body }>("/v1/events", async (request, reply) => {
    const session = await redis.get(`session:${request.headers.authorization?.slice("Bearer ".length)}`);
    if (session === null) return reply.code(401).send({ error: "unauthorized" });
    const { customer } = JSON.parse(session) as { customer: string };
    const { type, data } = request.body;
    const id = `evt_${randomUUID()}`;
    const createdAt = new Date();
    await sql`insert into events values (${id}, ${customer}, ${type}, ${sql.json(data)}, ${createdAt})`;
    await enqueue(id, type, JSON.stringify({ type, timestamp: createdAt.toISOString(), data }));
    return reply.code(202).send({ id, type, created_at: createdAt.toISOString() });
  });
  return app.listen({ port: 0, host: "127.0.0.1" });
}

async function enqueue(id: string, type: string, body: string): Promise<void> {
  const adding = [...queues].map(([name, queue]) => {
    const wanting = endpoints.filter((endpoint) => queueOf(endpoint) === name);
    return queue.addBulk(
      wanting.map(({ number }) => ({ name: type, data: { id, endpoint: number, body }, opts: jobOptions })),
    );
  });
  await Promise.all(adding);
}
