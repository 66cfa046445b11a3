// The stack a user would build instead: Fastify, sessions in Redis, rate-limiter-flexible over Redis, and a proxy to the
// customer's API. Started by run.ts with REDIS_PORT and ORIGIN; prints its port.
import replyFrom from "@fastify/reply-from";
import Fastify from "fastify";
import { Redis } from "ioredis";
import { RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";

interface Session {
  user: string;
  customer: string;
}

const redis = new Redis({ port: Number(process.env["REDIS_PORT"]), enableAutoPipelining: true });
const perSecond = new RateLimiterRedis({ storeClient: redis, keyPrefix: "sec", points: 1_000_000, duration: 1 });
const perMinute = new RateLimiterRedis({ storeClient: redis, keyPrefix: "min", points: 1_000_000, duration: 60 });

const app = Fastify();
await app.register(replyFrom, { base: process.env["ORIGIN"] ?? "" });

app.all("/*", async (request, reply) => {
  const token = request.headers.authorization?.slice("Bearer ".length);
  const found = token ? await redis.get(`session:${token}`) : null;
  if (found === null) return reply.code(401).send({ error: "unauthorized" });
  const session = JSON.parse(found) as Session;
  try {
    const [sec, min] = await Promise.all([perSecond.consume(session.user), perMinute.consume(session.user)]);
    reply.header("ratelimit", `"sec";r=${sec.remainingPoints};t=1, "min";r=${min.remainingPoints};t=1`);
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    return reply
      .code(429)
      .header("retry-after", Math.ceil(refusal.msBeforeNext / 1000))
      .send({ error: "limited" });
  }
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
