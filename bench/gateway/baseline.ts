// The stack a user would build instead: Fastify, sessions in Redis, rate-limiter-flexible over Redis, and a proxy to
// the customer's API. Started by run.ts with REDIS_PORT and ORIGIN; prints its port.
import replyFrom from "@fastify/reply-from";
import Fastify from "fastify";
import { Redis } from "ioredis";
import { openLimits } from "../baseline/limits.ts";
import { readSession } from "../baseline/sessions.ts";

const redis = new Redis({ port: Number(process.env["REDIS_PORT"]), enableAutoPipelining: true });
const consume = openLimits(redis);

const app = Fastify();
await app.register(replyFrom, { base: process.env["ORIGIN"] ?? "" });

app.all("/*", async (request, reply) => {
  const session = await readSession(redis, request.headers.authorization);
  if (session === null) return reply.code(401).send({ error: "unauthorized" });
  const limit = await consume(session.user);
  if ("retryAfter" in limit) return reply.code(429).header("retry-after", limit.retryAfter).send({ error: "limited" });
  reply.header("ratelimit", limit.header);
  return reply.from(request.url, {
    rewriteRequestHeaders: (_request, { authorization: _token, ...headers }) => ({
      ...headers,
      "x-user": session.user,
      "x-customer": session.customer,
    }),
  });
});

await app.listen({ port: 0, host: "127.0.0.1" });
process.send?.({ port: (app.server.address() as { port: number }).port });
