// Domicile as a contender. All its processes descend from this one, except Postgres. This process also stands in for
// Cloudflare Queues.
import { expectStatus } from "../dev/api.ts";
import { freePort } from "../dev/free-port.ts";
import { startPlatform, type Platform } from "../dev/platform.ts";
import { contenderInput, postmasterOf, serveContender } from "./contender.ts";
import { hasLimits, limitPolicies } from "./limits.ts";

const { stateDir, urls } = contenderInput();
const platform = await startPlatform({ stateDir, port: await freePort() });

try {
  const token = await signInOwner(platform);
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
  serveContender(ready, { hold, stop: () => platform.close() });
} catch (error) {
  await platform.close();
  throw error;
}

/** Creates a customer and its owner, and returns the owner's token. Without `LIMITS=1` the tier has no limits. */
async function signInOwner({ baseUrl, secrets }: Platform): Promise<string> {
  const operator = { token: secrets.operatorToken };
  if (hasLimits) {
    const body = { policies: limitPolicies };
    await expectStatus(200, baseUrl, "/operator/v1/tiers/bench", { ...operator, method: "PUT", body });
  }
  const customer = await expectStatus<{ id: string }>(201, baseUrl, "/operator/v1/customers", {
    ...operator,
    method: "POST",
    body: {
      name: "Bench",
      tier: hasLimits ? "bench" : "ci",
      allowed_regions: ["us"],
      default_region: "us",
    },
  });
  const credentials = { email: "bench@bench.example", password: "correct horse battery staple" };
  const path = `/operator/v1/customers/${customer.body.id}/users`;
  const user = { ...credentials, name: "Bench", role: "owner", region: "us" };
  await expectStatus(201, baseUrl, path, { ...operator, method: "POST", body: user });
  const session = await expectStatus<{ token: string }>(201, baseUrl, "/v1/sessions", {
    method: "POST",
    body: credentials,
  });
  return session.body.token;
}
