// The stack a user would build instead: Fastify takes an event, with its session in Redis, stores it in Postgres and
// adds a job for each endpoint to BullMQ over Redis; baseline-worker.ts delivers. This process is the API, and starts
// the rest.
import { fork, type ChildProcess } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import Fastify from "fastify";
import postgres from "postgres";
import type { Endpoint } from "../baseline/jobs.ts";
import { openQueues } from "../baseline/queues.ts";
import { startServices } from "../baseline/services.ts";
import { createSession, readSession } from "../baseline/sessions.ts";
import { contenderInput, serveContender } from "../contender.ts";

interface Body {
  readonly type: string;
  readonly data: postgres.JSONValue;
}

const { stateDir, urls } = contenderInput();
const endpoints = urls.map((url, number): Endpoint => ({
  number,
  url,
  secret: `whsec_${randomBytes(24).toString("base64")}`,
}));
const numbers = endpoints.map(({ number }) => number);
const services = await startServices(stateDir);
const { redis, redisPort, pids, postgresUrl } = services;
const queues = openQueues(redisPort, numbers);
const sql = postgres(postgresUrl);

try {
  await createTables();
  const token = await createSession(redis, { user: "user-0", customer: "acme" });
  const worker = await startWorker();
  const baseUrl = await listen();
  const parts = { worker: [worker.pid ?? 0], ...pids };
  const ready = { name: "BullMQ, Redis, Postgres", baseUrl, token, roots: [process.pid, ...pids.Postgres], parts };
  const stop = async (): Promise<void> => {
    worker.kill();
    await sql.end({ timeout: 1 });
    await services.stop();
  };
  serveContender(ready, { hold: (held) => queues.hold(held), stop });
} catch (error) {
  await services.stop();
  throw error;
}

async function createTables(): Promise<void> {
  await sql`create table events (id text primary key, customer text not null, type text not null, data jsonb not null,
    created_at timestamptz not null)`;
  await sql`create table delivery_attempts (event_id text not null, endpoint int not null, number int not null, status_code int,
    duration_ms int not null, attempted_at timestamptz not null, primary key (event_id, endpoint, number))`;
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
    const session = await readSession(redis, request.headers.authorization);
    if (session === null) return reply.code(401).send({ error: "unauthorized" });
    const { type, data } = request.body;
    const id = `evt_${randomUUID()}`;
    const createdAt = new Date();
    await sql`insert into events values (${id}, ${session.customer}, ${type}, ${sql.json(data)}, ${createdAt})`;
    await queues.enqueue({ id, type, timestamp: createdAt, data }, numbers);
    return reply.code(202).send({ id, type, created_at: createdAt.toISOString() });
  });
  return app.listen({ port: 0, host: "127.0.0.1" });
}
