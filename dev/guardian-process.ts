import { rmSync } from "node:fs";
import type { Guarded } from "./guardian.ts";
import { endOrphans } from "./orphans.ts";
import { removePostgres, stopPostgres } from "./postgres.ts";

// The guardian: see guardian.ts. It waits until its owner has ended, then cleans up and ends.

let guarded: Guarded | null = null;

process.on("message", (message: Guarded) => {
  guarded = message;
});
process.on("disconnect", () => {
  cleanUp().then(
    () => process.exit(),
    () => process.exit(1),
  );
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

async function cleanUp(): Promise<void> {
  if (guarded === null) return;
  const { stateDir, temporary } = guarded;
  await endOrphans(stateDir);
  if (!temporary) return stopPostgres(stateDir);
  await removePostgres(stateDir);
  rmSync(stateDir, { recursive: true, force: true });
}
