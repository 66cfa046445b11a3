import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectStatus } from "../../dev/api.ts";
import { freePort } from "../../dev/free-port.ts";
import { startPlatform, type Platform } from "../../dev/platform.ts";
import { billOf, difference, dollarsPerMillion, noUsage, perEvent, sumOf } from "./bill.ts";
import { makeMembers, makeUsers, startUpstream, type Member } from "./people.ts";
import type { Usage } from "./prices.ts";
import { sendTraffic, sleep, warmUp } from "./traffic.ts";
import { UsageReader, type Reading } from "./usage-reader.ts";

// `npm run bench:cost`: what a million requests cost at Cloudflare's list prices, counted (docs/cost.md). Exits with 1 above the target.

/** Dollars for a million requests. */
const target = 1;
const members = 10;

/** A kind of traffic. `requestsEach`: of a user in an hour. */
const traffics = [
  { name: "a: many users, a request each 10 s", tier: "basic", customers: 40, usersEach: 20, pauseMs: 10_000, seconds: 20 },
  { name: "b: busy users, 5 requests a second", tier: "enterprise", customers: 3, usersEach: 10, pauseMs: 200, seconds: 10 },
] as const; // oxfmt-ignore

type Kind = (typeof traffics)[number];

/** What happens by time and not with each request, and what one of each uses. */
interface Events {
  readonly session: Usage;
  readonly recheck: Usage;
  readonly checkpoint: Usage;
}

interface Measured {
  readonly usage: Usage;
  readonly sent: number;
  /** What a counter of the region's Worker has risen by. */
  readonly counted: (name: string) => number;
}

const reader = new UsageReader();
let requests = 0;

/** What `work` uses. `work` returns how many requests it has sent. Nothing else may have used anything since the last measurement. */
async function measure(
  platform: Platform,
  work: () => Promise<number>,
  began?: Reading,
): Promise<Measured & { readonly after: Reading }> {
  const before = began ?? (await reader.read(platform, requests));
  const sent = await work();
  requests += sent;
  const after = await reader.read(platform, requests);
  const counted = (name: string): number => (after.counts[name] ?? 0) - (before.counts[name] ?? 0);
  return { usage: difference(after.usage, before.usage), sent, counted, after };
}

/** A sign-in and the first request: the Gate loads its principal from Postgres. */
async function measureSessions(platform: Platform, who: readonly Member[]) {
  const { usage, counted, after } = await measure(platform, async () => {
    for (const member of who) {
      const { body } = await expectStatus<{ token: string }>(201, platform.baseUrl, "/v1/sessions", {
        method: "POST",
        body: member,
      });
      await expectStatus(200, platform.baseUrl, "/orders/42", { token: body.token });
    }
    return 2 * who.length;
  });
  // Each five minutes a Gate in use compares itself with Postgres: the same load, and the ledger is written once more.
  const loadSeconds = counted("Gate awake ms") / 1000 / who.length;
  return {
    after,
    session: perEvent(usage, who.length),
    recheck: { ...noUsage, rowsWritten: 1, objectAwakeSeconds: loadSeconds },
  };
}

/** Lets every log that has grown be signed now, and divides what that uses among them. */
async function measureCheckpoints(platform: Platform, tokens: readonly string[]): Promise<Usage> {
  platform.variables["CHECKPOINT_SECONDS"] = "1";
  await platform.restartWorkers();
  // The counters of the new isolate and of its objects begin at 0; CPU, lines and queue operations go on.
  const { usage, counted } = await measure(platform, async () => {
    await warmUp(platform.baseUrl, tokens.slice(0, 1));
    await sleep(3000);
    return 1;
  });
  const signed = counted("bucket put") / 2;
  if (signed < 10) throw new Error(`Only ${signed} checkpoints were signed.`);
  console.log(`${signed} checkpoints`);
  const each = perEvent(usage, signed);
  // That a log has grown is a row of the first write after a checkpoint.
  return { ...each, rowsWritten: each.rowsWritten + 1, cpuMs: 0 };
}

/** How often something happens for each request of a kind of traffic. */
function frequencies({ pauseMs, usersEach }: Kind) {
  const perUserHour = 3_600_000 / pauseMs;
  const perCustomerHour = perUserHour * usersEach;
  // See durable-objects/audit-log/grown-logs.ts.
  const perCheckpoint = perCustomerHour < 1000 ? perCustomerHour : Math.max(1000, perCustomerHour / 12);
  return { session: 1 / perUserHour, recheck: 12 / perUserHour, checkpoint: 1 / perCheckpoint };
}

function report(kind: Kind, sent: number, request: Usage, events: Events): number {
  const often = frequencies(kind);
  const parts = [
    { usage: request, times: 1 },
    { usage: events.session, times: often.session },
    { usage: events.recheck, times: often.recheck },
    { usage: events.checkpoint, times: often.checkpoint },
  ];
  const all = sumOf(parts);
  console.log(`\n${kind.name}: ${sent} requests of ${kind.customers * kind.usersEach} users in ${kind.seconds} s`);
  console.table(billOf(all));
  const [requestPart, sessionPart, recheckPart, checkpointPart] = parts.map(({ usage, times }) =>
    (dollarsPerMillion(usage) * times).toFixed(3),
  );
  console.log(
    `of which: requests ${requestPart}, a sign-in each hour ${sessionPart}, Gates' rechecks ${recheckPart}, checkpoints ${checkpointPart}`,
  );
  const forgetful = { ...all, rowsWritten: all.rowsWritten + 1 };
  console.log(`if every Gate had lost its isolate since its last request: ${dollarsPerMillion(forgetful).toFixed(3)}`);
  return dollarsPerMillion(all);
}

async function main(platform: Platform, upstream: string): Promise<void> {
  const who = await makeMembers(platform, upstream, members);
  const tokens: string[][] = [];
  for (const kind of traffics) {
    const own = await makeUsers(platform, upstream, kind);
    await warmUp(platform.baseUrl, own);
    tokens.push(own);
  }
  const { session, recheck, ...first } = await measureSessions(platform, who);
  const measured: Measured[] = [];
  let last = first.after;
  for (const [at, kind] of traffics.entries()) {
    const traffic = { tokens: tokens[at] ?? [], pauseMs: kind.pauseMs, seconds: kind.seconds };
    const one = await measure(platform, () => sendTraffic(platform.baseUrl, traffic), last);
    measured.push(one);
    last = one.after;
  }
  const checkpoint = await measureCheckpoints(platform, tokens[0] ?? []);
  const totals = traffics.map((kind, at) => {
    const { usage, sent, counted } = measured[at] ?? { usage: noUsage, sent: 1, counted: () => 0 };
    console.log(kind.name, ["Gate requests", "Gate rows", "Gate awake ms", "AuditLog requests", "AuditLog rows", "AuditLog awake ms"].map((name) => `${name} ${counted(name)}`).join(", ")); // oxfmt-ignore
    return report(kind, sent, perEvent(usage, sent), { session, recheck, checkpoint });
  });
  console.log(
    "\none sign-in with the first request:",
    billOf(session)["all"],
    "a checkpoint:",
    billOf(checkpoint)["all"],
  );
  const highest = Math.max(...totals);
  console.log(`highest: $${highest.toFixed(2)} per million requests; target: $${target.toFixed(2)}`);
  if (highest > target) process.exitCode = 1;
}

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
