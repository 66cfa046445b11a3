// `npm run bench:webhooks`: webhooks of Domicile against the stack of baseline.ts, side by side in one run: deliveries per second, CPU of a
// delivery over all processes of each stack, and how long after the API's answer they come. Needs redis-server.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startContender, type Contender } from "./contender.ts";
import { emitAll } from "./emit.ts";
import { startEndpoints, type Endpoints } from "./endpoints.ts";
import { drain, steady, type Cpu, type Drained, type Steady } from "./measure.ts";

const endpointCount = Number(process.env["ENDPOINTS"] ?? 5);
const queued = Number(process.env["EVENTS"] ?? 2000);
const rate = Number(process.env["RATE"] ?? 50);
const seconds = Number(process.env["SECONDS"] ?? 10);
const rounds = Number(process.env["ROUNDS"] ?? 3);
const warmUp = 100;

interface Round {
  readonly drained: Drained;
  readonly steady: Steady;
}

async function main(contenders: readonly Contender[], endpoints: Endpoints): Promise<void> {
  for (const one of contenders) {
    const { received } = await endpoints.expect(warmUp * endpointCount);
    await emitAll(one, warmUp);
    await received;
  }
  const results = contenders.map((): Round[] => []);
  const load = { events: rate * seconds, perSecond: rate };
  for (let round = 0; round < rounds; round++) {
    for (const [at, one] of contenders.entries()) {
      const drained = await drain(one, endpoints, queued);
      results[at]?.push({ drained, steady: await steady(one, endpoints, load) });
    }
  }
  console.log(
    `${queued} events queued for each of ${endpointCount} endpoints; ${rate} events/s for ${seconds} s; medians of ${rounds} rounds`,
  );
  report(
    contenders.map(({ name }) => name),
    results,
  );
}

function report(names: readonly string[], results: readonly (readonly Round[])[]): void {
  const figures = results.map(summarize);
  console.table(Object.fromEntries(figures.map((figure, at) => [names[at], rounded(figure)])));
  for (const [at, all] of results.entries()) {
    console.log(`${names[at]}, CPU of a delivery in µs, released: ${parts(all.map(({ drained }) => drained.cpu))}`);
    console.log(`${names[at]}, the same at ${rate}/s, with the API: ${parts(all.map((one) => one.steady.cpu))}`);
  }
  const [baseline, domicile] = figures;
  if (baseline === undefined || domicile === undefined) throw new Error("a contender is missing");
  const ratio = (key: keyof typeof domicile): string => `${key} ${(domicile[key] / baseline[key]).toFixed(2)}`;
  const keys = Object.keys(domicile) as (keyof typeof domicile)[];
  console.log(
    `Domicile / baseline: ${keys
      .filter((key) => !key.startsWith("answer"))
      .map(ratio)
      .join(", ")}`,
  );
}

/** Medians. An answer comes before or after its webhook, so that a ratio of what is between them says nothing. */
function summarize(all: readonly Round[]) {
  const of = (pick: (round: Round) => number): number => median(all.map(pick));
  return {
    deliveriesPerSecond: of(({ drained }) => drained.perSecond),
    cpuReleased: of(({ drained }) => drained.cpu["all"] ?? Number.NaN),
    cpuWithApi: of((one) => one.steady.cpu["all"] ?? Number.NaN),
    answerP50: of((one) => one.steady.answerP50),
    answerP99: of((one) => one.steady.answerP99),
    requestP50: of((one) => one.steady.requestP50),
    requestP99: of((one) => one.steady.requestP99),
  };
}

function parts(cpus: readonly Cpu[]): string {
  const names = Object.keys(cpus[0] ?? {});
  return names.map((name) => `${name} ${Math.round(median(cpus.map((cpu) => cpu[name] ?? Number.NaN)))}`).join(", ");
}

function rounded(figure: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(figure).map(([name, value]) => [name, Number(value.toFixed(1))]));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const folder = mkdtempSync(join(tmpdir(), "domicile-bench-"));
const contenders: Contender[] = [];
const endpoints = await startEndpoints(endpointCount);
try {
  for (const file of ["baseline.ts", "domicile.ts"])
    contenders.push(await startContender(file, folder, endpoints.urls));
  await main(contenders, endpoints);
} finally {
  await Promise.all(contenders.map((one) => one.stop()));
  endpoints.close();
  rmSync(folder, { recursive: true, force: true });
}
