import { expectStatus } from "../dev/api.ts";
import { freePort } from "../dev/free-port.ts";
import { startOrigin, type SampleOrigin } from "../dev/origin.ts";
import { startPlatform, type Platform, type PlatformOptions } from "../dev/platform.ts";
import type { Role } from "../schema/principal.ts";
import { regionNames, type Region } from "../schema/regions.ts";
import { newStateFolder } from "./state-folder.ts";

/** A platform that one test file has for itself, to stop and kill things in. */
export interface OwnPlatform {
  readonly platform: Platform;
  readonly origins: Readonly<Record<Region, SampleOrigin>>;
  readonly customerId: string;
  /** A signed-in user of the one customer. */
  user(email: string, role: Role, region: Region): Promise<{ id: string; token: string }>;
  signIn(email: string): Promise<{ id: string; token: string }>;
  operate(method: string, path: string, body: object, status?: number): Promise<void>;
  close(): Promise<void>;
}

const password = "correct horse battery staple";

/** Starts one, with a basic customer of both regions and its sample origins; `tier` says otherwise. */
export async function startOwnPlatform(
  options: Partial<PlatformOptions> = {},
  tier: string = "basic",
): Promise<OwnPlatform> {
  const stateDir = newStateFolder();
  const platform = await startPlatform({ stateDir, temporary: true, port: await freePort(), ...options });
  const { baseUrl, secrets } = platform;
  const started = await Promise.all(
    regionNames.map(async (region) => [region, await startOrigin(region, baseUrl)] as const),
  );
  const origins = Object.fromEntries(started) as Record<Region, SampleOrigin>;
  const asOperator = { token: secrets.operatorToken };
  const upstreams = { us: origins.us.url, eu: origins.eu.url };
  const wanted = {
    name: "Own",
    tier,
    key_tiers: ["basic", "enterprise", "ci"],
    allowed_regions: ["us", "eu"],
    default_region: "us",
    upstreams,
  };
  const made = await expectStatus<{ id: string }>(201, baseUrl, "/operator/v1/customers", {
    ...asOperator,
    method: "POST",
    body: wanted,
  });
  const customerId = made.body.id;
  const signIn = async (email: string): Promise<{ id: string; token: string }> => {
    const body = { email, password };
    const answer = await expectStatus<{ token: string; user: { id: string } }>(201, baseUrl, "/v1/sessions", {
      method: "POST",
      body,
    });
    return { id: answer.body.user.id, token: answer.body.token };
  };
  return {
    platform,
    origins,
    customerId,
    signIn,
    user: async (email, role, region) => {
      const body = { email, password, name: "Own user", role, region };
      await expectStatus(201, baseUrl, `/operator/v1/customers/${customerId}/users`, {
        ...asOperator,
        method: "POST",
        body,
      });
      return signIn(email);
    },
    operate: async (method, path, body, status = 200) => {
      await expectStatus(status, baseUrl, `/operator/v1${path}`, { ...asOperator, method, body });
    },
    close: async () => {
      await Promise.all(Object.values(origins).map((origin) => origin.close()));
      await platform.close();
    },
  };
}
