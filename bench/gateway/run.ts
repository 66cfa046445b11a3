// `npm run bench`: the gateway path (recognize the user, keep two limits, forward to the origin) of Domicile against a bare
// workerd program that makes the same calls and against the stack of baseline.ts, in turns in one run: requests per
// second, CPU per request of all processes of each, latency. Then what distance adds to it. Needs wrk and redis-server.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../dev/free-port.ts";
import { startPlatform } from "../../dev/platform.ts";
import { removePostgres } from "../../dev/postgres.ts";
import { endChildren, forkListening } from "./children.ts";
import { createUsers, startBaseline, startDomicile, startFloor } from "./contenders.ts";
import { measureDistances } from "./distance.ts";
import { measure, summarize, type Measured } from "./measure.ts";

const principals = Number(process.env["PRINCIPALS"] ?? 50);
const rounds = Number(process.env["ROUNDS"] ?? 3);
const load = {
  seconds: Number(process.env["SECONDS"] ?? 8),
  connections: Number(process.env["CONNECTIONS"] ?? 64),
};

const folder = mkdtempSync(join(tmpdir(), "domicile-bench-"));
const platform = await startPlatform({ stateDir: join(folder, "state"), port: await freePort() });
try {
  const origin = `http://127.0.0.1:${(await forkListening("origin.ts")).port}`;
  await compare(origin);
  await printDistances(origin);
} finally {
  endChildren();
  await platform.close();
  await removePostgres(join(folder, "state"));
  rmSync(folder, { recursive: true, force: true });
}

async function compare(origin: string): Promise<void> {
  const options = { origin, principals, folder };
  const contenders = [
    await startFloor(options),
    await startBaseline(options),
    ...(await startDomicile(platform, options)),
  ] as const;
  for (const one of contenders) await measure(one, { ...load, seconds: 3 });
  const turns = contenders.map((): Measured[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [at, one] of contenders.entries()) turns[at]?.push(await measure(one, load));
  }
  const results = turns.map(summarize);
  console.log(
    `${principals} principals, ${load.connections} connections, median of ${rounds} rounds of ${load.seconds} s`,
  );
  console.table(Object.fromEntries(contenders.map(({ name }, at) => [name, results[at]])));
  for (const ours of [2, 3]) {
    for (const other of [0, 1]) {
      printRatios(`${contenders[ours]?.name} / ${contenders[other]?.name}`, results[ours], results[other]);
    }
  }
}

function printRatios(title: string, ours: Measured | undefined, other: Measured | undefined): void {
  if (ours === undefined || other === undefined) throw new Error("a contender was not measured");
  const ratio = (key: keyof Measured): string => (ours[key] / other[key]).toFixed(2);
  console.log(
    `${title}: requests/s ${ratio("requestsPerSecond")}, CPU per request ` +
      `${ratio("cpuMicrosecondsPerRequest")}, p50 ${ratio("p50")}, p99 ${ratio("p99")}`,
  );
}

/** Prints what the distance between two locations adds to a request of the customer's API. */
async function printDistances(origin: string): Promise<void> {
  const [atHome = "", abroad = ""] = await createUsers(platform, origin, ["us", "eu"]);
  console.log("Latency (p50, ms) of a proxied read and a change, by the round trip between two locations:");
  console.table(await measureDistances(platform, { "at home": atHome, abroad }));
}
