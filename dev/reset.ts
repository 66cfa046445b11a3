import { rmSync } from "node:fs";
import { endOrphans } from "./orphans.ts";
import { removePostgres } from "./postgres.ts";
import { holder, stateFolder } from "./state.ts";

const folder = stateFolder();
const other = holder(folder);
if (other === null) {
  await endOrphans(folder);
  await removePostgres(folder);
  rmSync(folder, { recursive: true, force: true });
  console.log("The platform's state on this machine is removed.");
} else {
  console.error(`Domicile runs on this state, as process ${other}. Stop it first.`);
  process.exitCode = 1;
}
