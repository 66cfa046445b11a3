// `npm run bench:api`: `GET /v1/me` and `POST /v1/events` of Domicile against the stack of baseline.ts, side by side in
// one run, at several numbers of connections: requests per second, latency, CPU per request of all processes of each
// stack. Needs redis-server.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startContender, type Contender } from "../contender.ts";
import { startCpuMeter, untilIdle } from "../cpu.ts";
import { startEndpoints } from "../endpoints.ts";
import { emitEvent } from "../event.ts";
import { quantile } from "../quantile.ts";
import type { BenchRequest } from "../request.ts";
import { runLoad } from "./load.ts";
import { describe, printReport, type Measured, type Series } from "./report.ts";

const connectionCounts = (process.env["CONNECTIONS"] ?? "1,8,32").split(",").map(Number);
const seconds = Number(process.env["SECONDS"] ?? 3);
const rounds = Number(process.env["ROUNDS"] ?? 3);
const endpointCount = Number(process.env["ENDPOINTS"] ?? 1);
const onlyDomicile = process.env["ONLY"] === "domicile";
const warmUp = { connections: 4, seconds: 2 };
/**
 * How long a stack may go on working after its last response, in milliseconds. Its CPU counts, and the other stack
 * waits.
 */
const maximumTailMs = 5000;

const requests: readonly BenchRequest[] = [{ method: "GET", path: "/v1/me", expectedStatus: 200 }, emitEvent];

async function measure(contender: Contender, request: BenchRequest, connections: number): Promise<Measured> {
  const cpu = startCpuMeter(contender);
  const { requestsPerSecond, latencies, failures } = await runLoad(contender, request, { connections, seconds });
  await untilIdle(contender, maximumTailMs);
  return {
    requestsPerSecond,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    cpu: cpu(latencies.length + failures.total),
    failures,
  };
}

async function run(contenders: readonly Contender[]): Promise<void> {
  for (const one of contenders) {
    // An event costs its acceptance only: deliveries wait until the end in both stacks.
    await one.hold(true);
    for (const request of requests) await runLoad(one, request, warmUp);
    await untilIdle(one, maximumTailMs);
  }
  const turns = requests.flatMap((request) =>
    connectionCounts.flatMap((connections) => contenders.map((one) => newTurn(one, request, connections))),
  );
  for (let round = 1; round <= rounds; round++) {
    for (const { contender, series } of turns) {
      const { request, connections, measured } = series;
      const one = await measure(contender, request, connections);
      measured.push(one);
      console.log(`round ${round} of ${rounds}, ${describe(request, connections)}, ${contender.name}: ${summary(one)}`);
    }
  }
  console.log(`Medians of ${rounds} rounds of ${seconds} s; webhook endpoints: ${endpointCount}`);
  printReport(turns.map(({ series }) => series));
}

function newTurn(contender: Contender, request: BenchRequest, connections: number) {
  const measured: Measured[] = [];
  return { contender, series: { request, connections, stack: contender.name, measured } satisfies Series };
}

function summary({ requestsPerSecond, p50, failures }: Measured): string {
  const failed = failures.total === 0 ? "" : `, failed: ${failures.describe()}`;
  return `${requestsPerSecond.toFixed(0)} requests/s, p50 ${p50.toFixed(1)} ms${failed}`;
}

const folder = mkdtempSync(join(tmpdir(), "domicile-bench-"));
const endpoints = await startEndpoints(endpointCount);
const contenders: Contender[] = [];
try {
  for (const [name, file] of [
    ["baseline", new URL("baseline.ts", import.meta.url)],
    ["domicile", new URL("../domicile.ts", import.meta.url)],
  ] as const) {
    if (onlyDomicile && name !== "domicile") continue;
    contenders.push(await startContender(file, join(folder, name), endpoints.urls));
  }
  await run(contenders);
} finally {
  await Promise.all(contenders.map((one) => one.stop()));
  endpoints.close();
  rmSync(folder, { recursive: true, force: true });
}
