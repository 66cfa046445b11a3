import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectStatus } from "../../dev/api.ts";
import { freePort } from "../../dev/free-port.ts";
import { startPlatform, type Platform } from "../../dev/platform.ts";
import { removePostgres } from "../../dev/postgres.ts";
import { read } from "./read.ts";
import { visible } from "./visible.ts";
import { write } from "./write.ts";

// `npm run bench:audit`: how soon a record is visible, how many go in a second, and whether reading stays as fast with 2,000,000 of them.
const stateDir = mkdtempSync(join(tmpdir(), "domicile-bench-"));
const platform = await startPlatform({ stateDir, port: await freePort() });
try {
  const { customerId, token, userId } = await someone(platform);
  await visible(platform, token);
  await write(platform);
  await read(platform, { customerId, token, userId });
} finally {
  await platform.close();
  await removePostgres(stateDir);
  rmSync(stateDir, { recursive: true, force: true });
}

async function someone({ baseUrl, secrets }: Platform) {
  const operator = { method: "POST", token: secrets.operatorToken };
  const wanted = { name: "Bench", tier: "ci", allowed_regions: ["us"], default_region: "us" };
  const customer = await expectStatus<{ id: string }>(201, baseUrl, "/operator/v1/customers", {
    ...operator,
    body: wanted,
  });
  const credentials = { email: "bench@bench.example", password: "correct horse battery staple" };
  const body = { ...credentials, name: "Bench", role: "owner", region: "us" };
  const path = `/operator/v1/customers/${customer.body.id}/users`;
  const user = await expectStatus<{ id: string }>(201, baseUrl, path, { ...operator, body });
  const session = await expectStatus<{ token: string }>(201, baseUrl, "/v1/sessions", {
    method: "POST",
    body: credentials,
  });
  return { customerId: customer.body.id, userId: user.body.id, token: session.body.token };
}
