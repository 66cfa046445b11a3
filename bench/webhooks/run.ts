// `npm run bench:webhooks`: webhooks of Domicile against the stack of baseline.ts, side by side in one run: deliveries
// per second, CPU of a delivery over all processes of each stack, and how long after the API's response they arrive.
// Needs redis-server.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startContender, type Contender } from "../contender.ts";
import { describeCpu } from "../cpu.ts";
import { startEndpoints, type Endpoints } from "../endpoints.ts";
import { median } from "../quantile.ts";
import { Failures } from "../request.ts";
import { emitAll } from "./emit.ts";
import { drain, steady, type Drained, type Steady } from "./measure.ts";

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
    await during(`${one.name}, warm-up`, async () => {
      await endpoints.clear();
      const { accepted } = await emitAll(one, warmUp);
      await endpoints.receive(accepted.map(({ id }) => id));
    });
  }
  const results = contenders.map((): Round[] => []);
  for (let round = 1; round <= rounds; round++) {
    for (const [at, one] of contenders.entries()) results[at]?.push(await runRound(one, endpoints, round));
  }
  console.log(
    `${queued} events queued for each of ${endpointCount} endpoints; ${rate} events/s for ${seconds} s; medians of ${rounds} rounds`,
  );
  report(
    contenders.map(({ name }) => name),
    results,
  );
}

async function runRound(contender: Contender, endpoints: Endpoints, round: number): Promise<Round> {
  const { name } = contender;
  const turn = `round ${round} of ${rounds}, ${name}`;
  const drained = await during(`${turn}, ${queued} queued events`, () => drain(contender, endpoints, queued));
  console.log(`${turn}: ${drained.perSecond.toFixed(0)} deliveries/s when released`);
  const load = { events: rate * seconds, perSecond: rate };
  const atRate = await during(`${turn}, ${rate} events/s`, () => steady(contender, endpoints, load));
  console.log(`${turn}: ${atRate.fromRequestP50.toFixed(0)} ms from request to receipt at ${rate} events/s`);
  return { drained, steady: atRate };
}

/** Runs a phase; its errors say which phase it was. */
async function during<T>(phase: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new Error(`${phase}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function report(names: readonly string[], results: readonly (readonly Round[])[]): void {
  const figures = results.map(summarize);
  console.table(Object.fromEntries(figures.map((figure, at) => [names[at], rounded(figure)])));
  for (const [at, all] of results.entries()) {
    const released = describeCpu(all.map(({ drained }) => drained.cpu));
    console.log(`${names[at]}, CPU of a delivery in µs, released: ${released}`);
    console.log(`${names[at]}, the same at ${rate}/s, with the API: ${describeCpu(all.map((one) => one.steady.cpu))}`);
    reportFailures(names[at] ?? "", all);
  }
  const [baseline, domicile] = figures;
  if (baseline === undefined || domicile === undefined) throw new Error("a contender is missing");
  const ratio = (key: keyof typeof domicile): string => `${key} ${(domicile[key] / baseline[key]).toFixed(2)}`;
  const keys = Object.keys(domicile) as (keyof typeof domicile)[];
  console.log(
    `Domicile / baseline: ${keys
      .filter((key) => !key.startsWith("fromResponse"))
      .map(ratio)
      .join(", ")}`,
  );
}

function reportFailures(name: string, all: readonly Round[]): void {
  const queueing = new Failures();
  const atRate = new Failures();
  for (const { drained, steady: one } of all) {
    queueing.addAll(drained.failures);
    atRate.addAll(one.failures);
  }
  if (queueing.total > 0)
    console.log(
      `${name}: ${queueing.total} requests failed while events were queued, and were sent again (${queueing.describe()}).`,
    );
  if (atRate.total > 0) {
    const sent = rate * seconds * all.length;
    console.log(
      `${name}: ${atRate.total} of ${sent} events failed at ${rate} events/s (${atRate.describe()}). The figures leave them out.`,
    );
  }
}

/** Medians. A response arrives before or after its webhook, so that a ratio of the time between them says nothing. */
function summarize(all: readonly Round[]) {
  const of = (pick: (round: Round) => number): number => median(all.map(pick));
  return {
    deliveriesPerSecond: of(({ drained }) => drained.perSecond),
    cpuReleased: of(({ drained }) => drained.cpu["all"] ?? Number.NaN),
    cpuWithApi: of((one) => one.steady.cpu["all"] ?? Number.NaN),
    fromResponseP50: of((one) => one.steady.fromResponseP50),
    fromResponseP99: of((one) => one.steady.fromResponseP99),
    fromRequestP50: of((one) => one.steady.fromRequestP50),
    fromRequestP99: of((one) => one.steady.fromRequestP99),
  };
}

function rounded(figure: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(figure).map(([name, value]) => [name, Number(value.toFixed(1))]));
}

const folder = mkdtempSync(join(tmpdir(), "domicile-bench-"));
const contenders: Contender[] = [];
const endpoints = await startEndpoints(endpointCount);
try {
  for (const [name, file] of [
    ["baseline", new URL("baseline.ts", import.meta.url)],
    ["domicile", new URL("../domicile.ts", import.meta.url)],
  ] as const)
    contenders.push(await startContender(file, join(folder, name), endpoints.urls));
  await main(contenders, endpoints);
} finally {
  await Promise.all(contenders.map((one) => one.stop()));
  endpoints.close();
  rmSync(folder, { recursive: true, force: true });
}
