import { regionNames } from "../schema/regions.ts";
import { isBusy } from "./free-port.ts";
import { startOrigin } from "./origin.ts";
import { startPlatform } from "./platform.ts";
import { seed } from "./seed.ts";
import { endOrphans, hold, holder, letGo, stateFolder } from "./state.ts";
import { tour } from "./tour.ts";

const port = Number(process.env["PORT"] ?? 8787);
const folder = stateFolder();

function refuse(message: string): never {
  console.error(message);
  process.exit(1);
}

async function main(): Promise<void> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) refuse(`PORT must be a number from 1 to 65535.`);
  const other = holder(folder);
  if (other !== null) {
    refuse(
      `Domicile already runs on this state, as process ${other}. Stop it with Ctrl-C or \`kill ${other}\`, or start another with \`DOMICILE_STATE=<folder> PORT=<port> npm start\`.`,
    );
  }
  await endOrphans(folder);
  if (await isBusy(port)) refuse(`Port ${port} is in use. Choose another: PORT=${port + 1} npm start`);
  hold(folder);
  const closers: (() => Promise<void>)[] = [];
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => (closing ??= closeAll(closers));
  onSignal(close);

  console.log("Starting Postgres and the Workers …");
  try {
    const platform = await startPlatform({
      stateDir: folder,
      port,
      onLog: ({ level, message }) => console.log(`[${level}] ${message}`),
    });
    closers.push(() => platform.close());
    hold(folder, platform.runtimePids());
    onSignal(close);
    const origins = await Promise.all(regionNames.map((region) => startOrigin(region, platform.baseUrl)));
    closers.push(...origins.map((origin) => () => origin.close()));
    const demo = await seed(platform, origins);
    await tour(demo, (line) => console.log(line));
    console.log(
      `Demo users, keys and the operator's token are in .domicile/demo.json; \`npm run tour\` repeats the tour.`,
    );
    console.log(`Domicile is ready on ${platform.baseUrl}`);
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Ends everything in order on Ctrl-C and its like. Called again when Miniflare is up: it ends the process by handlers of its own, at
 * once, and Postgres would be left behind.
 */
function onSignal(close: () => Promise<void>): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => void close().then(() => process.exit(0)));
  }
}

async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
  for (const closer of closers.toReversed()) {
    await closer();
  }
  letGo(folder);
}

await main();
