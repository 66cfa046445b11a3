import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../dev/free-port.ts";
import { startPlatform, type Platform } from "../../dev/platform.ts";
import { Measurements, type Measured } from "./measure.ts";
import { makeMembers, makeUsers, startUpstream } from "./people.ts";
import { dollars, printBill, printEvents, type Kind } from "./report.ts";
import { warmUp } from "./traffic.ts";
import { UsageReader } from "./usage-reader.ts";

// `npm run bench:cost`: what a million requests cost at Cloudflare's list prices, counted (docs/cost.md). Exits with 1 above the target.

/** Dollars for a million requests. */
const target = 1;
const signIns = 10;

const kinds: readonly Kind[] = [
  {
    name: "a: many users, one request each 10 s",
    tier: "basic",
    customers: Number(process.env["CUSTOMERS"] ?? 40),
    usersEach: 20,
    pauseMs: 10_000,
    seconds: 20,
  },
  {
    name: "b: busy users, 5 requests a second",
    tier: "enterprise",
    customers: 3,
    usersEach: 10,
    pauseMs: 200,
    seconds: 10,
  },
];

async function main(platform: Platform, upstream: string): Promise<void> {
  const members = await makeMembers(platform, upstream, signIns);
  const traffics = [];
  for (const kind of kinds) {
    const tokens = await makeUsers(platform, upstream, kind);
    await warmUp(platform.baseUrl, tokens);
    traffics.push({ kind, tokens });
  }
  const measurements = new Measurements(platform, reader);
  const ofSessions = await measurements.sessions(members);
  const results: { kind: Kind; measured: Measured }[] = [];
  for (const { kind, tokens } of traffics)
    results.push({ kind, measured: await measurements.traffic({ ...kind, tokens }) });
  const { signed, checkpoint } = await measurements.checkpoints(traffics[0]?.tokens[0] ?? "");
  const events = { ...ofSessions, checkpoint };
  const totals = results.map(({ kind, measured }) => printBill(kind, measured, events));
  printEvents(events);
  const highest = Math.max(...totals);
  console.log(`${signed} checkpoints were signed, ${signIns} sessions begun`);
  console.log(`the higher price of a million requests: ${dollars(highest)}; target: ${dollars(target)}`);
  if (highest > target) process.exitCode = 1;
}

const reader = new UsageReader();
const upstream = await startUpstream();
const platform = await startPlatform({
  stateDir: mkdtempSync(join(tmpdir(), "domicile-cost-")),
  temporary: true,
  port: await freePort(),
  entries: { "domicile-us": "bench/cost/worker/region.ts" },
  // As deployed, not as on one machine.
  variables: { CHECKPOINT_SECONDS: "3600", CONFIG_REFRESH_SECONDS: "15", CONFIG_MAX_AGE_SECONDS: "60" },
  onLog: reader.onLog,
});
try {
  await main(platform, upstream.url);
} finally {
  await platform.close();
  upstream.close();
}
