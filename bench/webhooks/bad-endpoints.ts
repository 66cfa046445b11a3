import { startOwnPlatform } from "../../test/own-platform.ts";
import { runLoad, type LoadResult } from "../../test/webhook-load.ts";

// `npm run bench:bad-endpoints`: 5,000 events to five endpoints, first all well, then one that hangs for 30 s, one that fails half the time and one
// that is down for two minutes: what reached whom, and what the healthy ones notice.
const events = Number(process.env["EVENTS"] ?? 5000);
const perSecond = Number(process.env["RATE"] ?? 40);
/** How long the slowest may take to get everything after the last event, in milliseconds. */
const withinMs = 400_000;

const own = await startOwnPlatform({}, "ci");
try {
  const { token } = await own.user("bench@own.example", "owner", "us");
  const load = { events, perSecond, hangMs: 30_000, downMs: 120_000 };
  await runLoad(own, token, { ...load, events: 200, bad: false }, withinMs);
  const well = await runLoad(own, token, { ...load, bad: false }, withinMs);
  report("all well", well);
  const bad = await runLoad(own, token, { ...load, bad: true }, withinMs);
  report("three bad", bad);
  for (const quantile of [0.5, 0.99])
    console.log(
      `healthy p${quantile * 100}, ratio: ${(at(bad.healthyMs, quantile) / at(well.healthyMs, quantile)).toFixed(2)}`,
    );
} finally {
  await own.close();
}

function report(name: string, { accepted, received, healthyMs }: LoadResult): void {
  console.log(
    `${name}: ${accepted.length} events accepted; healthy p50 ${at(healthyMs, 0.5)} ms, p99 ${at(healthyMs, 0.99)} ms`,
  );
  for (const [path, ids] of received) {
    const missing = accepted.filter((id) => !ids.includes(id)).length;
    console.log(
      `  ${path}: ${new Set(ids).size} reached, ${missing} missing, ${ids.length - new Set(ids).size} came again`,
    );
  }
}

function at(sorted: readonly number[], quantile: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN;
}
