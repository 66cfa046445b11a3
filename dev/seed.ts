import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ask, expectStatus } from "./api.ts";
import { demoCustomers, demoScopes, demoTiers, type Demo } from "./demo.ts";
import type { SampleOrigin } from "./origin.ts";
import type { Platform } from "./platform.ts";
import { writePrivately } from "./write-file.ts";

interface Seeded {
  readonly id: string;
  readonly name: string;
}

/**
 * Puts the demo data in, once, through the platform's own API, and writes demo.json. Repeating finishes what was interrupted, and tells
 * the demo's customers where their sample origins are this time.
 */
export async function seed(platform: Platform, origins: readonly SampleOrigin[]): Promise<Demo> {
  const file = join(platform.stateDir, "demo.json");
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Demo) : null;
  const customers = await seedCustomers(platform, origins);
  const { operatorToken, demoPassword } = platform.secrets;
  const users = demoCustomers.flatMap((customer) =>
    customer.users.map(({ email, region, role }) => ({
      email,
      region,
      role,
      customer: idOf(customers, customer.name),
    })),
  );
  const api_keys = known?.api_keys ?? (await seedKeys(platform));
  const demo: Demo = {
    base_url: platform.baseUrl,
    operator_token: operatorToken,
    password: demoPassword,
    users,
    api_keys,
  };
  writePrivately(file, `${JSON.stringify(demo, null, 2)}\n`);
  return demo;
}

async function seedCustomers(platform: Platform, origins: readonly SampleOrigin[]): Promise<Seeded[]> {
  const existing = await listCustomers(platform);
  const upstreams = Object.fromEntries(origins.map(({ region, url }) => [region, url]));
  const seeded: Seeded[] = [];
  for (const { name, tier, users } of demoCustomers) {
    const known = existing.find((customer) => customer.name === name);
    const regions = { allowed_regions: ["us", "eu"], default_region: "us" };
    const wanted = { name, tier, key_tiers: demoTiers, ...regions, upstreams };
    // Before anything that makes a region remember the customer: it would go on with the origins of the last start for a while.
    const customer = known
      ? await operate<Seeded>(platform, 200, `/operator/v1/customers/${known.id}`, "PATCH", { upstreams })
      : await operate<Seeded>(platform, 201, "/operator/v1/customers", "POST", wanted);
    for (const user of users) await seedUser(platform, customer.id, user);
    seeded.push(customer);
  }
  return seeded;
}

async function seedUser(platform: Platform, customerId: string, user: object): Promise<void> {
  const answer = await ask(platform.baseUrl, `/operator/v1/customers/${customerId}/users`, {
    method: "POST",
    token: platform.secrets.operatorToken,
    body: { ...user, password: platform.secrets.demoPassword },
  });
  // 409: an earlier start put it in.
  if (answer.status !== 201 && answer.status !== 409)
    throw new Error(`a demo user could not be made: ${JSON.stringify(answer.body)}`);
}

async function seedKeys(platform: Platform): Promise<Demo["api_keys"]> {
  const { baseUrl, secrets } = platform;
  const credentials = { email: "ada@acme.example", password: secrets.demoPassword };
  const { body } = await expectStatus<{ token: string }>(201, baseUrl, "/v1/sessions", {
    method: "POST",
    body: credentials,
  });
  const make = async (tier: string): Promise<string> => {
    const wanted = { name: `demo ${tier}`, tier, scopes: demoScopes };
    const made = await expectStatus<{ key: string }>(201, baseUrl, "/v1/api-keys", {
      method: "POST",
      token: body.token,
      body: wanted,
    });
    return made.body.key;
  };
  const keys = { basic: await make("basic"), enterprise: await make("enterprise"), ci: await make("ci") };
  await expectStatus(204, baseUrl, "/v1/sessions/current", { method: "DELETE", token: body.token });
  return keys;
}

async function listCustomers(platform: Platform): Promise<Seeded[]> {
  const page = await operate<{ data: Seeded[] }>(platform, 200, "/operator/v1/customers?limit=100", "GET");
  return page.data;
}

async function operate<T>(platform: Platform, status: number, path: string, method: string, body?: object): Promise<T> {
  const token = platform.secrets.operatorToken;
  const answer = await expectStatus<T>(status, platform.baseUrl, path, { method, token, ...(body && { body }) });
  return answer.body;
}

function idOf(customers: readonly Seeded[], name: string): string {
  const found = customers.find((customer) => customer.name === name);
  if (found === undefined) throw new Error(`the demo customer ${name} is missing`);
  return found.id;
}
