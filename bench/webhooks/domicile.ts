// Domicile as a contender. Everything of it is below this process, the stand-in of Cloudflare Queues is in it; Postgres is apart.
import { join } from "node:path";
import { expectStatus } from "../../dev/api.ts";
import { freePort } from "../../dev/free-port.ts";
import { startPlatform, type Platform } from "../../dev/platform.ts";
import { removePostgres } from "../../dev/postgres.ts";
import { given, postmasterOf, serveContender } from "./contender.ts";

const { folder, urls } = given();
const stateDir = join(folder, "domicile");
const platform = await startPlatform({ stateDir, port: await freePort() });

async function stop(): Promise<void> {
  await platform.close();
  await removePostgres(stateDir);
}

try {
  const token = await owner(platform);
  for (const url of urls)
    await expectStatus(201, platform.baseUrl, "/v1/webhook-endpoints", { method: "POST", token, body: { url } });
  const postmaster = await postmasterOf(platform.superuserUrl("us"));
  const ready = {
    name: "Domicile",
    baseUrl: platform.baseUrl.replace("localhost", "127.0.0.1"),
    token,
    roots: [process.pid, postmaster],
    parts: { workerd: platform.runtimePids(), Postgres: [postmaster] },
  };
  const hold = (held: boolean): Promise<void> => Promise.resolve(platform.queues.pause("domicile-webhooks-us", held));
  serveContender(ready, { hold, stop });
} catch (error) {
  await stop();
  throw error;
}

/** A customer without limits, and the token of its owner. */
async function owner({ baseUrl, secrets }: Platform): Promise<string> {
  const operator = { method: "POST", token: secrets.operatorToken };
  const wanted = { name: "Bench", tier: "ci", allowed_regions: ["us"], default_region: "us" };
  const customer = await expectStatus<{ id: string }>(201, baseUrl, "/operator/v1/customers", {
    ...operator,
    body: wanted,
  });
  const credentials = { email: "bench@bench.example", password: "correct horse battery staple" };
  const path = `/operator/v1/customers/${customer.body.id}/users`;
  const user = { ...credentials, name: "Bench", role: "owner", region: "us" };
  await expectStatus(201, baseUrl, path, { ...operator, body: user });
  const session = await expectStatus<{ token: string }>(201, baseUrl, "/v1/sessions", {
    method: "POST",
    body: credentials,
  });
  return session.body.token;
}
