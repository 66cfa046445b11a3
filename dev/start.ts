import { once } from "node:events";
import { join, relative } from "node:path";
import { regionNames } from "../schema/regions.ts";
import { loopback, portState } from "./free-port.ts";
import { formatLogLine } from "./log-line.ts";
import { startOrigin, type SampleOrigin } from "./origin.ts";
import { endOrphans } from "./orphans.ts";
import { startPlatform, type Platform } from "./platform.ts";
import { seed } from "./seed.ts";
import { hold, letGo, stateFolder } from "./state.ts";
import { tour } from "./tour.ts";

const port = Number(process.env["PORT"] ?? 8787);
const folder = stateFolder();
const closers: (() => Promise<void>)[] = [() => Promise.resolve(letGo(folder))];
const interrupted = new AbortController();
const ended = once(interrupted.signal, "abort");

function refuse(message: string): never {
  console.error(message);
  process.exit(1);
}

/** Says why a start cannot be, and takes the state folder for this process if it can. */
async function prepare(): Promise<void> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) refuse("PORT must be a number from 1 to 65535.");
  const other = hold(folder);
  if (other !== null) {
    refuse(
      `Domicile already runs on this state, as process ${other}. Stop it with Ctrl-C or \`kill ${other}\`, or start another with \`DOMICILE_STATE=<folder> PORT=<port> npm start\`.`,
    );
  }
  await endOrphans(folder);
  const states = await Promise.all(loopback.map((host) => portState(port, host)));
  if (states.includes("busy")) {
    letGo(folder);
    refuse(`Port ${port} is in use. Choose another: PORT=${port < 65_535 ? port + 1 : port - 1} npm start`);
  }
}

async function start(): Promise<void> {
  console.log("Starting Postgres and the Workers …");
  const platform = await startPlatform({
    stateDir: folder,
    port,
    signal: interrupted.signal,
    onLog: (entry) => console.log(formatLogLine(entry)),
    onFault: (message) => console.log(formatLogLine({ timestamp: Date.now(), level: "error", message })),
  });
  closers.push(() => platform.close());
  const origins = await Promise.all(regionNames.map((region) => startOrigin(region, platform.baseUrl)));
  closers.push(...origins.map((origin) => () => origin.close()));
  await Promise.race([walk(platform, origins), ended]);
}

async function walk(platform: Platform, origins: readonly SampleOrigin[]): Promise<void> {
  const demo = await seed(platform, origins);
  await tour(demo, (line) => console.log(line));
  const file = relative(process.cwd(), join(folder, "demo.json"));
  console.log(`Demo users, keys and the operator's token are in ${file}; \`npm run tour\` repeats the tour.`);
  console.log(`Domicile is ready on ${platform.baseUrl}`);
}

async function closeAll(): Promise<void> {
  for (const closer of closers.toReversed()) await closer();
}

await prepare();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupted.abort());
try {
  await start();
  await ended;
} catch (error) {
  // What breaks because everything is being ended is no failure.
  if (!interrupted.signal.aborted) {
    console.error("Domicile could not start:", error);
    process.exitCode = 1;
  }
} finally {
  await closeAll();
}
process.exit();
