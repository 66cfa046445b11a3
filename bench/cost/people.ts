import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import postgres from "postgres";
import { expectStatus } from "../../dev/api.ts";
import type { Platform } from "../../dev/platform.ts";
import { newId } from "../../schema/ids.ts";
import { sessionSeconds } from "../../schema/session-token.ts";
import { KeyRing } from "../../workers/region/session-keys/key-ring.ts";

/** A user who can sign in, with a customer of their own. */
export interface Member {
  readonly email: string;
  readonly password: string;
}

/** Starts the customers' own API, which responds at once, in this process. */
export async function startUpstream(): Promise<{ readonly url: string; close(): void }> {
  const body = JSON.stringify({ id: "42", status: "paid" });
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    request.resume().once("end", () => {
      response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
      response.end(body);
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}

/** Makes customers of a tier, with their users and a live session for each. Returns the session tokens. */
export async function makeUsers(
  platform: Platform,
  upstream: string,
  wanted: { readonly customers: number; readonly usersEach: number; readonly tier: string },
): Promise<string[]> {
  const { baseUrl, secrets } = platform;
  const keys = new KeyRing(secrets.regions.us.sessionKeys as ConstructorParameters<typeof KeyRing>[0], {
    issuer: baseUrl,
    region: "us",
  });
  const sql = postgres(platform.ownerUrl("us"), { max: 1, onnotice: () => undefined });
  const tokens: string[] = [];
  for (let at = 0; at < wanted.customers; at++) {
    const cid = await makeCustomer(platform, upstream, wanted.tier);
    // By SQL: a password hash for each of a thousand users would take minutes.
    const people = Array.from({ length: wanted.usersEach }, () => ({ sub: newId("user"), sid: newId("session") }));
    await sql`insert into users ${sql(people.map(({ sub }) => userRow(cid, sub)))}`;
    await sql`insert into sessions ${sql(people.map(({ sub, sid }) => sessionRow(cid, sub, sid)))}`;
    const iat = Math.floor(Date.now() / 1000);
    for (const { sub, sid } of people)
      tokens.push(await keys.signSession({ sub, sid, cid, ctr: null, iat, exp: iat + sessionSeconds }));
  }
  await sql.end();
  return tokens;
}

/** Makes users who have a password and a customer of their own. */
export async function makeMembers(platform: Platform, upstream: string, count: number): Promise<Member[]> {
  const members: Member[] = [];
  for (let at = 0; at < count; at++) {
    const customerId = await makeCustomer(platform, upstream, "basic");
    const member = { email: `member-${at}@bench.example`, password: "correct horse battery staple" };
    await expectStatus(201, platform.baseUrl, `/operator/v1/customers/${customerId}/users`, {
      method: "POST",
      token: platform.secrets.operatorToken,
      body: { ...member, name: "Bench", role: "member", region: "us" },
    });
    members.push(member);
  }
  return members;
}

async function makeCustomer({ baseUrl, secrets }: Platform, upstream: string, tier: string): Promise<string> {
  const body = { name: "Bench", tier, allowed_regions: ["us"], default_region: "us", upstreams: { us: upstream } };
  const customer = await expectStatus<{ id: string }>(201, baseUrl, "/operator/v1/customers", {
    method: "POST",
    token: secrets.operatorToken,
    body,
  });
  return customer.body.id;
}

function userRow(customerId: string, id: string) {
  const now = new Date();
  const who = { email: `${id}@bench.example`, name: "Bench", role: "member", status: "active", version: 1 };
  return { customer_id: customerId, id, ...who, created_at: now, updated_at: now };
}

function sessionRow(customerId: string, userId: string, id: string) {
  const now = Date.now();
  const ends = new Date(now + sessionSeconds * 1000);
  return { customer_id: customerId, id, user_id: userId, created_at: new Date(now), expires_at: ends, ends_at: ends };
}
