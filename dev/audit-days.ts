import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isRegion } from "../schema/regions.ts";
import { expectStatus } from "./api.ts";
import type { Demo } from "./demo.ts";
import { stateFolder } from "./state.ts";

// `npm run audit:retention -- REGION`: archives and stores old days now, and shows how far it is. Interrupted, it goes on with the next run.
// `npm run audit:restore -- REGION DAY`: brings a day back from the bucket.
// Both ask the platform that runs here, or the one that DOMICILE_URL and OPERATOR_TOKEN name.
const [command, region, day] = process.argv.slice(2);

interface Platform {
  readonly url: string;
  readonly token: string;
}

interface Report {
  readonly archived: number;
  readonly stored: number;
  readonly removed: number;
  readonly done: boolean;
}

function platform(): Platform {
  const { DOMICILE_URL: url, OPERATOR_TOKEN: token } = process.env;
  if (url !== undefined && token !== undefined) return { url, token };
  const file = join(stateFolder(), "demo.json");
  if (!existsSync(file)) throw new Error("Nothing runs here: npm start, or set DOMICILE_URL and OPERATOR_TOKEN");
  const demo = JSON.parse(readFileSync(file, "utf8")) as Demo;
  return { url: demo.base_url, token: demo.operator_token };
}

async function retention({ url, token }: Platform): Promise<void> {
  const total = { archived: 0, stored: 0, removed: 0 };
  for (;;) {
    const path = `/operator/v1/audit-days/retention?region=${region}`;
    const { body } = await expectStatus<Report>(200, url, path, { method: "POST", token });
    for (const name of ["archived", "stored", "removed"] as const) total[name] += body[name];
    console.log(
      `${region}: ${total.archived} days archived, ${total.stored} objects stored, ${total.removed} records removed`,
    );
    if (body.done) return;
  }
}

async function restore({ url, token }: Platform): Promise<void> {
  const path = `/operator/v1/audit-days/${day}/restore?region=${region}`;
  const { body } = await expectStatus<{ objects: number; records: number; restored_until: string }>(200, url, path, {
    method: "POST",
    token,
  });
  console.log(
    `${region} ${day}: ${body.records} records of ${body.objects} objects are back until ${body.restored_until}`,
  );
}

try {
  if (!isRegion(region) || (command === "restore" && day === undefined))
    throw new Error("Name a region, and for a restore a day");
  await (command === "restore" ? restore(platform()) : retention(platform()));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
