// The stack a user would build instead: Fastify with sessions in Redis, rows in Postgres through a `pg` pool, and jobs
// in BullMQ. Nothing takes the jobs: run.ts holds the deliveries of both stacks back.
import { randomUUID } from "node:crypto";
import Fastify from "fastify";
import { Pool } from "pg";
import { openLimits } from "../baseline/limits.ts";
import { openQueues } from "../baseline/queues.ts";
import { startServices } from "../baseline/services.ts";
import { createSession, readSession, type Session } from "../baseline/sessions.ts";
import { contenderInput, serveContender } from "../contender.ts";
import { hasLimits } from "../limits.ts";

interface Body {
  readonly type: string;
  readonly data: unknown;
}

interface Event extends Body {
  readonly id: string;
  readonly timestamp: Date;
}

declare module "fastify" {
  interface FastifyRequest {
    session: Session | null;
  }
}

const { stateDir, urls } = contenderInput();
const services = await startServices(stateDir);
const { redis, redisPort, pids, postgresUrl } = services;
// Ten connections, the default of `pg`. A named query is prepared once on each.
const pool = new Pool({ connectionString: postgresUrl, max: 10 });
const endpoints = urls.map((_, number) => number);
const queues = openQueues(redisPort, endpoints);
const consume = hasLimits ? openLimits(redis) : null;

try {
  await createTables();
  const token = await createSession(redis, { user: "user-0", customer: "acme" });
  const baseUrl = await listen();
  const ready = { name: "Fastify", baseUrl, token, roots: [process.pid, ...pids.Postgres], parts: pids };
  const stop = async (): Promise<void> => {
    await pool.end();
    await services.stop();
  };
  serveContender(ready, { hold: (held) => queues.hold(held), stop });
} catch (error) {
  await services.stop();
  throw error;
}

async function createTables(): Promise<void> {
  await pool.query(`
    create table users (customer text not null, id text not null, email text not null, name text not null, role text not null,
      created_at timestamptz not null, updated_at timestamptz not null, primary key (customer, id));
    create table endpoints (customer text not null, number int not null, url text not null, types text[],
      primary key (customer, number));
    create table events (customer text not null, id text not null, type text not null, data jsonb not null,
      created_at timestamptz not null, primary key (customer, id));
    create table deliveries (customer text not null, id text not null, event text not null, endpoint int not null, status text not null,
      created_at timestamptz not null, primary key (customer, id), foreign key (customer, event) references events);
    create index on deliveries (customer, event);
    insert into users values ('acme', 'user-0', 'bench@bench.example', 'Bench', 'owner', now(), now())`);
  await pool.query(
    "insert into endpoints select 'acme', number - 1, url, null from unnest($1::text[]) with ordinality as u(url, number)",
    [urls],
  );
}

function listen(): Promise<string> {
  const app = Fastify();
  app.decorateRequest("session", null);
  app.addHook("onRequest", async (request, reply) => {
    request.session = await readSession(redis, request.headers.authorization);
    if (request.session === null) return reply.code(401).send({ error: "unauthorized" });
    if (consume === null) return;
    const limit = await consume(request.session.user);
    if ("retryAfter" in limit)
      return reply.code(429).header("retry-after", limit.retryAfter).send({ error: "limited" });
    reply.header("ratelimit", limit.header);
  });
  app.get("/v1/me", async (request, reply) => {
    const { customer, user } = sessionOf(request);
    const found = await pool.query<Record<string, unknown>>({
      name: "user",
      text: "select id, email, name, role, created_at, updated_at from users where customer = $1 and id = $2",
      values: [customer, user],
    });
    const [row] = found.rows;
    if (row === undefined) return reply.code(401).send({ error: "unauthorized" });
    return { principal: { type: "user", id: user }, customer_id: customer, user: row };
  });
  app.post<{ Body: Body }>("/v1/events", async (request, reply) => {
    const { customer } = sessionOf(request);
    const event = { ...request.body, id: `evt_${randomUUID()}`, timestamp: new Date() };
    const receivers = await insertEvent(customer, event);
    await queues.enqueue(event, receivers);
    return reply.code(202).send({ id: event.id, type: event.type, created_at: event.timestamp.toISOString() });
  });
  return app.listen({ port: 0, host: "127.0.0.1" });
}

function sessionOf({ session }: { readonly session: Session | null }): Session {
  if (session === null) throw new Error("the onRequest hook lets no request without a session through");
  return session;
}

/** Commits an event with a delivery for each endpoint that wants its type; the endpoints. */
async function insertEvent(customer: string, { id, type, data, timestamp }: Event): Promise<readonly number[]> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query({
      name: "event",
      text: "insert into events values ($1, $2, $3, $4, $5)",
      values: [customer, id, type, JSON.stringify(data), timestamp],
    });
    const inserted = await client.query<{ endpoint: number }>({
      name: "deliveries",
      text: `insert into deliveries select customer, gen_random_uuid(), $2, number, 'pending', $4 from endpoints
        where customer = $1 and (types is null or $3 = any (types)) returning endpoint`,
      values: [customer, id, type, timestamp],
    });
    await client.query("commit");
    return inserted.rows.map(({ endpoint }) => endpoint);
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}
