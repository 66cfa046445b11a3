import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cpuSeconds, untilIdle } from "../cpu.ts";
import { median } from "../quantile.ts";
import type { GatewayContender } from "./contenders.ts";

/** The load of a turn. */
export interface Load {
  readonly seconds: number;
  readonly connections: number;
}

/** What a turn has shown. Latencies in milliseconds. */
export interface Measured {
  readonly requestsPerSecond: number;
  /** Of all processes of the contender. */
  readonly cpuMicrosecondsPerRequest: number;
  readonly p50: number;
  readonly p99: number;
}

/** How long work that follows the responses is waited for, in milliseconds. */
const idleMs = 5000;

/** Loads a contender by wrk; rejects when a request fails. Work that follows the responses counts. */
export async function measure(contender: GatewayContender, { seconds, connections }: Load): Promise<Measured> {
  const { url, tokensFile, pids, hold } = contender;
  hold?.(true);
  const script = fileURLToPath(new URL("wrk-tokens.lua", import.meta.url));
  const before = cpuSeconds(pids);
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "-s", script, url];
  const { stdout } = await promisify(execFile)("wrk", args, { env: { ...process.env, TOKENS: tokensFile } });
  await untilIdle({ roots: pids }, idleMs);
  const used = cpuSeconds(pids) - before;
  if (used < 0) throw new Error(`A process of ${contender.name} ended during its turn`);
  hold?.(false);
  await untilIdle({ roots: pids }, idleMs);
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

/** The median of each figure. */
export function summarize(measured: readonly Measured[]): Measured {
  const of = (key: keyof Measured): number => median(measured.map((one) => one[key]));
  return {
    requestsPerSecond: of("requestsPerSecond"),
    cpuMicrosecondsPerRequest: of("cpuMicrosecondsPerRequest"),
    p50: of("p50"),
    p99: of("p99"),
  };
}
