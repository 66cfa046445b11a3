import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expectStatus } from "../../dev/api.ts";
import { freePort } from "../../dev/free-port.ts";
import type { Platform } from "../../dev/platform.ts";
import type { Region } from "../../schema/regions.ts";
import { createSession } from "../baseline/sessions.ts";
import { limitPolicies } from "../limits.ts";
import { forkListening, startRedis, startWorkerd } from "./children.ts";

/** A gateway that is measured: it recognizes a user, keeps two limits and forwards the request to the origin. */
export interface GatewayContender {
  readonly name: string;
  readonly url: string;
  /** A file with a bearer token a line. */
  readonly tokensFile: string;
  /** Its processes. Their descendants count too. */
  readonly pids: readonly number[];
  /** Holds work back during a turn (true), and releases it. */
  readonly hold?: (held: boolean) => void;
}

/** What every contender gets. */
export interface GatewayOptions {
  /** The URL of the customer's API. */
  readonly origin: string;
  readonly principals: number;
  /** Where the tokens are written. */
  readonly folder: string;
}

/** The bare workerd program in `floor/`: the hops alone. */
export async function startFloor({ origin, principals, folder }: GatewayOptions): Promise<GatewayContender> {
  const { pid, port } = await startWorkerd("floor/floor.capnp", { ORIGIN: origin });
  const tokens = Array.from({ length: principals }, (_, at) => `principal-${at}`);
  return contender("bare workerd", `http://127.0.0.1:${port}`, tokens, [pid], folder);
}

/** Fastify with sessions and limits in Redis. */
export async function startBaseline({ origin, principals, folder }: GatewayOptions): Promise<GatewayContender> {
  const redisPort = await freePort();
  const redisPid = startRedis(redisPort);
  const client = new Redis({ port: redisPort, retryStrategy: () => 100, maxRetriesPerRequest: null });
  // Redis may not listen yet. ioredis reports each attempt to connect as an error, and holds commands until one
  // succeeds.
  client.on("error", () => undefined);
  const users = Array.from({ length: principals }, (_, at) => `user-${at}`);
  const tokens = await Promise.all(users.map((user) => createSession(client, { user, customer: "acme" })));
  client.disconnect();
  const server = await forkListening("baseline.ts", { REDIS_PORT: String(redisPort), ORIGIN: origin });
  return contender("Fastify, Redis", `http://127.0.0.1:${server.port}`, tokens, [server.pid, redisPid], folder);
}

/** Domicile's edge and region, once as they are and once with the queue held back from which audit records are written. */
export async function startDomicile(
  platform: Platform,
  { origin, principals, folder }: GatewayOptions,
): Promise<readonly [whole: GatewayContender, withoutAudit: GatewayContender]> {
  const tokens = await createUsers(
    platform,
    origin,
    Array.from({ length: principals }, () => "us" as const),
  );
  const url = platform.baseUrl.replace("localhost", "127.0.0.1");
  const whole = contender("Domicile", url, tokens, platform.runtimePids(), folder);
  const hold = (held: boolean): void => platform.queues.pause("domicile-audit-us", held);
  return [whole, { ...whole, name: "Domicile, audit queue held", hold }];
}

/** Creates a customer with `origin` as its API and a user for each of `homes`. Returns a session token for each user. */
export async function createUsers(
  { baseUrl, secrets }: Platform,
  origin: string,
  homes: readonly Region[],
): Promise<string[]> {
  const operator = { token: secrets.operatorToken };
  const tier = { policies: limitPolicies };
  await expectStatus(200, baseUrl, "/operator/v1/tiers/bench", { ...operator, method: "PUT", body: tier });
  const customer = await expectStatus<{ id: string }>(201, baseUrl, "/operator/v1/customers", {
    ...operator,
    method: "POST",
    body: {
      name: "Bench",
      tier: "bench",
      allowed_regions: ["us", "eu"],
      default_region: "us",
      upstreams: { us: origin, eu: origin },
    },
  });
  const tokens: string[] = [];
  for (const [at, region] of homes.entries()) {
    const credentials = {
      email: `user-${at}@${customer.body.id.replace("_", "-")}.example`,
      password: "correct horse battery",
    };
    const path = `/operator/v1/customers/${customer.body.id}/users`;
    const user = { ...credentials, name: "Bench", role: "member", region };
    await expectStatus(201, baseUrl, path, { ...operator, method: "POST", body: user });
    const session = await expectStatus<{ token: string }>(201, baseUrl, "/v1/sessions", {
      method: "POST",
      body: credentials,
    });
    tokens.push(session.body.token);
  }
  return tokens;
}

function contender(
  name: string,
  url: string,
  tokens: readonly string[],
  pids: readonly number[],
  folder: string,
): GatewayContender {
  const tokensFile = join(folder, `${name.replaceAll(/\W+/g, "-")}.tokens`);
  writeFileSync(tokensFile, `${tokens.join("\n")}\n`);
  return { name, url, tokensFile, pids };
}
