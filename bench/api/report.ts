import { describeCpu, type Cpu } from "../cpu.ts";
import { median } from "../quantile.ts";
import { Failures, type BenchRequest } from "../request.ts";

/** One turn of a stack. Latencies in milliseconds, of expected responses; CPU in microseconds per request. */
export interface Measured {
  readonly requestsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpu: Cpu;
  /** Requests without the expected status, by reason. */
  readonly failures: Failures;
}

/** All turns of a stack at one request and one number of connections. */
export interface Series {
  readonly request: BenchRequest;
  readonly connections: number;
  readonly stack: string;
  readonly measured: readonly Measured[];
}

/** For example "GET /v1/me, 8 connections". */
export function describe({ method, path }: BenchRequest, connections: number): string {
  return `${method} ${path}, ${connections} ${connections === 1 ? "connection" : "connections"}`;
}

/**
 * Prints the medians of each series, where the CPU went, what failed, the ratios, and the latency of a request alone.
 */
export function printReport(all: readonly Series[]): void {
  const rows = all.map((series) => ({ ...series, label: describe(series.request, series.connections) }));
  console.table(Object.fromEntries(rows.map((row) => [`${row.label}, ${row.stack}`, figures(row)])));
  for (const { label, stack, measured } of rows)
    console.log(`CPU in µs, ${label}, ${stack}: ${describeCpu(measured.map(({ cpu }) => cpu))}`);
  printFailures(rows);
  for (const row of rows.filter(({ stack }) => stack === "Domicile")) {
    const baseline = rows.find(({ label, stack }) => label === row.label && stack !== row.stack);
    if (baseline !== undefined) console.log(`Domicile / ${baseline.stack}, ${row.label}: ${ratios(row, baseline)}`);
  }
  for (const { request, connections, stack, measured } of rows) {
    if (request.path === "/v1/me" && connections === 1)
      console.log(`GET /v1/me alone, ${stack}: p50 ${median(measured.map(({ p50 }) => p50)).toFixed(2)} ms`);
  }
}

function figures({ measured }: Series) {
  return {
    "requests/s": rounded(measured.map((one) => one.requestsPerSecond)),
    "p50 ms": rounded(measured.map((one) => one.p50)),
    "p99 ms": rounded(measured.map((one) => one.p99)),
    "CPU µs/request": Math.round(median(measured.map(({ cpu }) => cpu["all"] ?? Number.NaN))),
    failed: failuresOf(measured).total,
  };
}

function ratios(row: Series, baseline: Series): string {
  const ratio = (pick: (one: Measured) => number): string =>
    (median(row.measured.map(pick)) / median(baseline.measured.map(pick))).toFixed(2);
  const p50 = ratio((one) => one.p50);
  const p99 = ratio((one) => one.p99);
  const cpu = ratio((one) => one.cpu["all"] ?? Number.NaN);
  return `requests/s ${ratio((one) => one.requestsPerSecond)}, p50 ${p50}, p99 ${p99}, CPU ${cpu}`;
}

function printFailures(rows: readonly (Series & { readonly label: string })[]): void {
  const failed = rows.filter(({ measured }) => failuresOf(measured).total > 0);
  if (failed.length === 0) console.log("No request failed.");
  for (const { label, stack, measured } of failed)
    console.log(`Failed, ${label}, ${stack}: ${failuresOf(measured).describe()}`);
}

function failuresOf(measured: readonly Measured[]): Failures {
  const failures = new Failures();
  for (const one of measured) failures.addAll(one.failures);
  return failures;
}

function rounded(numbers: readonly number[]): number {
  return Number(median(numbers).toFixed(1));
}
