// `npm run bench`: the gateway path (recognise, two limits, hand to the origin) of Domicile against the stack of
// baseline.ts, side by side in one run: requests per second, CPU per request over all processes of each stack, latency.
// Needs wrk and redis-server.
import { execFile, fork, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { expectStatus } from "../../dev/api.ts";
import { freePort } from "../../dev/free-port.ts";
import { startPlatform, type Platform } from "../../dev/platform.ts";
import { removePostgres } from "../../dev/postgres.ts";
import { createSession } from "../baseline/sessions.ts";
import { cpuSeconds } from "../cpu.ts";
import { limitPolicies } from "../limits.ts";
import { median } from "../quantile.ts";

const principals = Number(process.env["PRINCIPALS"] ?? 50);
const rounds = Number(process.env["ROUNDS"] ?? 3);
const seconds = Number(process.env["SECONDS"] ?? 8);
const connections = Number(process.env["CONNECTIONS"] ?? 64);

interface Contender {
  readonly name: string;
  readonly url: string;
  readonly tokens: string;
  readonly pids: readonly number[];
}

interface Measured {
  readonly requestsPerSecond: number;
  readonly cpuMicrosecondsPerRequest: number;
  readonly p50: number;
  readonly p99: number;
}

const folder = mkdtempSync(join(tmpdir(), "domicile-bench-"));
const children: ChildProcess[] = [];

function here(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

async function forkListening(file: string, env: Record<string, string> = {}): Promise<{ pid: number; port: number }> {
  const child = fork(here(file), { env: { ...process.env, ...env } });
  children.push(child);
  const port = await new Promise<number>((listening, failed) => {
    child.once("message", (message) => listening((message as { port: number }).port));
    child.once("exit", (code) => failed(new Error(`${file} ended with ${code}`)));
  });
  return { pid: child.pid ?? 0, port };
}

async function startBaseline(origin: string): Promise<Contender> {
  const redisPort = await freePort();
  const redis = spawn("redis-server", ["--port", String(redisPort), "--save", "", "--appendonly", "no"], {
    stdio: "ignore",
  });
  children.push(redis);
  const client = new Redis({ port: redisPort, retryStrategy: () => 100, maxRetriesPerRequest: null });
  // Redis may not listen yet. ioredis reports each attempt to connect as an error, and holds commands until one
  // succeeds.
  client.on("error", () => undefined);
  const users = Array.from({ length: principals }, (_, at) => `user-${at}`);
  const tokens = await Promise.all(users.map((user) => createSession(client, { user, customer: "acme" })));
  client.disconnect();
  const server = await forkListening("baseline.ts", { REDIS_PORT: String(redisPort), ORIGIN: origin });
  return contender("Fastify, Redis", `http://127.0.0.1:${server.port}`, tokens, [server.pid, redis.pid ?? 0]);
}

async function startDomicile(platform: Platform, origin: string): Promise<Contender> {
  const { baseUrl, secrets } = platform;
  const operator = { token: secrets.operatorToken };
  const tier = { policies: limitPolicies };
  await expectStatus(200, baseUrl, "/operator/v1/tiers/bench", { ...operator, method: "PUT", body: tier });
  const upstreams = { us: origin };
  const wanted = { name: "Bench", tier: "bench", allowed_regions: ["us"], default_region: "us", upstreams };
  const customer = await expectStatus<{ id: string }>(201, baseUrl, "/operator/v1/customers", {
    ...operator,
    method: "POST",
    body: wanted,
  });
  const tokens: string[] = [];
  for (let at = 0; at < principals; at++) {
    const credentials = { email: `user-${at}@bench.example`, password: "correct horse battery" };
    const user = { ...credentials, name: "Bench", role: "member" };
    await expectStatus(201, baseUrl, `/operator/v1/customers/${customer.body.id}/users`, {
      ...operator,
      method: "POST",
      body: user,
    });
    const session = await expectStatus<{ token: string }>(201, baseUrl, "/v1/sessions", {
      method: "POST",
      body: credentials,
    });
    tokens.push(session.body.token);
  }
  return contender("Domicile", baseUrl.replace("localhost", "127.0.0.1"), tokens, platform.runtimePids());
}

function contender(name: string, url: string, tokens: readonly string[], pids: readonly number[]): Contender {
  const file = join(folder, `${name.replaceAll(/\W+/g, "-")}.tokens`);
  writeFileSync(file, `${tokens.join("\n")}\n`);
  return { name, url, tokens: file, pids };
}

async function measure({ url, tokens, pids }: Contender, duration: number): Promise<Measured> {
  const before = cpuSeconds(pids);
  const args = ["-t1", `-c${connections}`, `-d${duration}s`, "--latency", "-s", here("wrk-tokens.lua"), url];
  const { stdout } = await promisify(execFile)("wrk", args, { env: { ...process.env, TOKENS: tokens } });
  const used = cpuSeconds(pids) - before;
  const report = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<
    "requests" | "seconds" | "errors" | "p50" | "p99",
    number
  >;
  if (report.errors > 0) throw new Error(`${report.errors} of ${report.requests} requests failed at ${url}`);
  return {
    requestsPerSecond: report.requests / report.seconds,
    cpuMicrosecondsPerRequest: (used / report.requests) * 1e6,
    p50: report.p50,
    p99: report.p99,
  };
}

function summarize(measured: readonly Measured[]): Measured {
  const of = (key: keyof Measured): number => median(measured.map((one) => one[key]));
  return {
    requestsPerSecond: of("requestsPerSecond"),
    cpuMicrosecondsPerRequest: of("cpuMicrosecondsPerRequest"),
    p50: of("p50"),
    p99: of("p99"),
  };
}

async function main(platform: Platform): Promise<void> {
  const origin = `http://127.0.0.1:${(await forkListening("origin.ts")).port}`;
  const contenders = [await startBaseline(origin), await startDomicile(platform, origin)];
  for (const one of contenders) await measure(one, 3);
  const results = new Map<string, Measured[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const one of contenders) results.get(one.name)?.push(await measure(one, seconds));
  }
  const table = Object.fromEntries([...results].map(([name, measured]) => [name, summarize(measured)]));
  console.log(`${principals} principals, ${connections} connections, median of ${rounds} rounds of ${seconds} s`);
  console.table(table);
  const [baseline, domicile] = Object.values(table);
  if (!baseline || !domicile) throw new Error("a contender is missing");
  const ratio = (key: keyof Measured): string => (domicile[key] / baseline[key]).toFixed(2);
  console.log(
    `Domicile / baseline: requests/s ${ratio("requestsPerSecond")}, CPU per request ${ratio("cpuMicrosecondsPerRequest")}, p50 ${ratio("p50")}, p99 ${ratio("p99")}`,
  );
}

const platform = await startPlatform({ stateDir: join(folder, "state"), port: await freePort() });
try {
  await main(platform);
} finally {
  for (const child of children) child.kill();
  await platform.close();
  await removePostgres(join(folder, "state"));
  rmSync(folder, { recursive: true, force: true });
}
