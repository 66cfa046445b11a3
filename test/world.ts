import { randomUUID } from "node:crypto";
import { inject } from "vitest";
import { ask, expectStatus, type Answer, type Ask } from "../dev/api.ts";
import type { Role } from "../schema/principal.ts";
import type { Region } from "../schema/regions.ts";

/** A customer made for one test, so that tests share no bucket and see no rows of each other. */
export interface TestCustomer {
  readonly id: string;
  readonly name: string;
}

/** A signed-in user made for one test. */
export interface TestUser {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly token: string;
  readonly sessionId: string;
  readonly region: Region;
}

/** The base URL of the shared platform. */
export function baseUrl(): string {
  return inject("platform").baseUrl;
}

/** Asks the shared platform. */
export function call<T = Record<string, unknown>>(path: string, request: Ask = {}): Promise<Answer<T>> {
  return ask<T>(baseUrl(), path, request);
}

/** Asks the shared platform as its operator. */
export function operate<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
  return call<T>(`/operator/v1${path}`, {
    method,
    token: inject("platform").operatorToken,
    ...(body !== undefined && { body }),
  });
}

/** A new customer: basic, both regions, any tier for keys, the sample origins behind it; `change` says otherwise. */
export async function newCustomer(change: object = {}): Promise<TestCustomer> {
  const name = `Customer ${randomUUID()}`;
  const body = {
    name,
    tier: "basic",
    key_tiers: ["basic", "enterprise", "ci"],
    allowed_regions: ["us", "eu"],
    default_region: "us",
    upstreams: inject("platform").origins,
    ...change,
  };
  const token = inject("platform").operatorToken;
  const answer = await expectStatus<TestCustomer>(201, baseUrl(), "/operator/v1/customers", {
    method: "POST",
    token,
    body,
  });
  return answer.body;
}

/** A new user of a customer, signed in. */
export async function newUser(customer: TestCustomer, role: Role = "owner", region: Region = "us"): Promise<TestUser> {
  const email = `${randomUUID()}@customer.example`;
  const password = `password ${randomUUID()}`;
  const token = inject("platform").operatorToken;
  const body = { email, password, name: `Name ${role}`, role, region };
  await expectStatus(201, baseUrl(), `/operator/v1/customers/${customer.id}/users`, { method: "POST", token, body });
  return signIn(email, password);
}

/** Signs in; throws unless it works. */
export async function signIn(email: string, password: string): Promise<TestUser> {
  const answer = await expectStatus<{ token: string; session: { id: string }; user: { id: string; region: Region } }>(
    201,
    baseUrl(),
    "/v1/sessions",
    { method: "POST", body: { email, password } },
  );
  const { token, session, user } = answer.body;
  return { id: user.id, email, password, token, sessionId: session.id, region: user.region };
}

/** A new API key, made by `maker`. */
export async function newKey(maker: TestUser, change: object = {}): Promise<{ id: string; key: string }> {
  const body = { name: "test", ...change };
  const answer = await expectStatus<{ id: string; key: string }>(201, baseUrl(), "/v1/api-keys", {
    method: "POST",
    token: maker.token,
    body,
  });
  return answer.body;
}

/** Resolves after `ms` of real time: for what has a clock of its own on the other side. */
export function wait(ms: number): Promise<void> {
  return new Promise((resolved) => setTimeout(resolved, ms));
}

/** Waits until `holds`, by default for the five seconds in which configuration is seen everywhere. Rejects with the condition otherwise. */
export async function eventually(holds: () => Promise<boolean>, ms = 5000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`This was not true within ${ms} ms: ${holds.toString()}`);
    await wait(50);
  }
}
