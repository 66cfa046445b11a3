import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, expectStatus, type Ask } from "../dev/api.ts";
import { startReceiver, type Receiver } from "../dev/receiver.ts";
import { startOwnPlatform, type OwnPlatform } from "./own-platform.ts";
import { eventually } from "./world.ts";

/** Strings that are found nowhere by chance. */
const canary = {
  email: "canary-8f2c41d7@own.example",
  name: "Kanarienvogel Quixotl-77aa3",
  password: "Pa55-canary-Zyzzyva-91",
  newPassword: "Pa55-canary-Zyzzyva-92",
  renamed: "Kanarienvogel Renamed-77aa3",
  keyName: "canary-key-name-5d5d5",
  userAgent: "CanaryAgent/4242-xyzzy",
  address: "203.0.113.242",
  body: "canary-body-plugh-31337",
  event: "canary-query-frobozz-1",
  payload: "canary-payload-wibble-2718",
  response: "canary-response-wobble-1618",
  reason: "canary-reason-wubble-1414",
};

/** What each string looks like when it is only encoded or hashed without a key: that would still tell. */
const traces = Object.values(canary).flatMap((text) => [
  text,
  text.toLowerCase(),
  Buffer.from(text).toString("base64").replace(/=+$/, ""),
  Buffer.from(text).toString("hex"),
  createHash("sha256").update(text.toLowerCase()).digest("hex"),
  createHash("sha256").update(text.toLowerCase()).digest("base64url"),
]);

let own: OwnPlatform;
let receiver: Receiver;

beforeAll(async () => {
  own = await startOwnPlatform({ keepsQueueHistory: true });
  receiver = await startReceiver();
  receiver.answer = () => ({ status: 200, body: canary.response });
  await everyFlow();
});

afterAll(async () => {
  await receiver.close();
  await own.close();
});

function tell(path: string, request: Ask = {}) {
  const headers = { "user-agent": canary.userAgent, "cf-connecting-ip": canary.address, ...request.headers };
  return ask<Record<string, string>>(own.platform.baseUrl, path, { ...request, headers });
}

/** The canary's life: created by an administrator of another region, signs in, errs, works, is renamed, leaves. */
async function everyFlow(): Promise<void> {
  const admin = await own.user("admin@own.example", "owner", "us");
  const user = { email: canary.email, password: canary.password, name: canary.name, role: "admin", region: "eu" };
  const made = await tell("/v1/users", {
    method: "POST",
    token: admin.token,
    body: user,
    headers: { "idempotency-key": "canary" },
  });
  expect(made.status).toBe(201);
  await tell("/v1/users", { method: "POST", token: admin.token, body: user });
  await tell("/v1/sessions", { method: "POST", body: { email: canary.email, password: `${canary.password}!` } });
  await tell("/v1/sessions", { method: "POST", body: { email: `x${canary.email}`, password: canary.password } });
  await tell("/v1/sessions", { method: "POST", body: { email: canary.email, password: [canary.body] } });
  const session = await tell("/v1/sessions", {
    method: "POST",
    body: { email: canary.email, password: canary.password },
  });
  const token = session.body["token"] ?? "";
  expect(session.status).toBe(201);
  await tell("/v1/me", { token });
  await tell("/v1/me", { method: "PATCH", token, body: { name: canary.renamed, password: canary.newPassword } });
  await tell("/v1/sessions/current/renew", { method: "POST", token });
  const key = await tell("/v1/api-keys", {
    method: "POST",
    token,
    body: { name: canary.keyName },
    headers: { "idempotency-key": canary.event },
  });
  expect(key.status).toBe(201);
  await tell(`/orders/42?q=${canary.event}`, {
    method: "POST",
    token: key.body["key"] ?? "",
    body: { note: canary.body },
  });
  await tell(`/v1/users/${canary.body}`, { token });
  await tell(`/v1/nothing/${canary.body}?q=${canary.event}`, { token });
  await tell(`/v1/users?cursor=${canary.event}`, { token });
  await tell(`/v1/users/${made.body["id"]}`, { token: admin.token });
  await webhooks(admin.token, made.body["id"] ?? "", token);
  await own.platform.postgres.stop("immediate");
  await tell(`/v1/me?q=${canary.event}`, { token });
  await tell("/v1/sessions", { method: "POST", body: { email: canary.email, password: canary.newPassword } });
  await own.platform.postgres.start();
  await expectStatus(200, own.platform.baseUrl, `/v1/users/${made.body["id"]}`, { token: admin.token });
  await tell("/v1/sessions", { method: "DELETE", token });
}

/** An event about the canary, emitted by an administrator of another region, delivered, answered, opened, and another that is refused. */
async function webhooks(admin: string, userId: string, token: string): Promise<void> {
  const url = `${receiver.url}/${canary.event}`;
  expect((await tell("/v1/webhook-endpoints", { method: "POST", token, body: { url } })).status).toBe(201);
  expect(
    (await tell("/v1/webhook-endpoints", { method: "POST", token: admin, body: { url: receiver.url } })).status,
  ).toBe(201);
  const body = { type: "canary.sings", user_id: userId, data: { song: canary.payload } };
  const event = await tell("/v1/events", {
    method: "POST",
    token: admin,
    body,
    headers: { "idempotency-key": canary.event },
  });
  expect(event.status).toBe(202);
  await eventually(async () => receiver.received.length === 1, 10_000);
  expect(receiver.received[0]?.body).toContain(canary.payload);
  const opened = await tell(`/v1/events/${event.body["id"]}/decrypt`, {
    method: "POST",
    token: admin,
    body: { reason: canary.reason },
  });
  expect(opened.status).toBe(200);
  await tell("/v1/events", { method: "POST", token, body: { ...body, type: canary.payload } });
  await tell(`/v1/events/${canary.body}`, { token });
}

/** Every value of every table of a database, as text. */
async function dump(database: "global" | "us" | "eu"): Promise<string> {
  const owner = postgres(own.platform.ownerUrl(database), { max: 1, onnotice: () => undefined });
  try {
    const tables = await owner`select table_name from information_schema.tables where table_schema = 'public'`;
    const rows = await Promise.all(
      tables.map((table) => owner.unsafe(`select t::text as row from "${table["table_name"]}" t`)),
    );
    return rows
      .flat()
      .map((row) => String(row["row"]))
      .join("\n");
  } finally {
    await owner.end();
  }
}

/** What of `traces` is in a text. */
function found(text: string): string[] {
  return traces.filter((trace) => text.includes(trace));
}

describe("a user of eu", () => {
  it("is in the database of eu, so that the search below would find it elsewhere", async () => {
    const text = await dump("eu");
    expect(text).toContain(canary.email);
    expect(text).toContain(canary.renamed);
    expect(text).toContain(canary.keyName);
  });

  it("leaves no password in any database", async () => {
    for (const database of ["global", "us", "eu"] as const) {
      const text = await dump(database);
      expect(text).not.toContain(canary.password);
      expect(text).not.toContain(canary.newPassword);
    }
  });

  it("is not in the databases of us and global", async () => {
    expect(found(await dump("us"))).toEqual([]);
    expect(found(await dump("global"))).toEqual([]);
  });

  it("is not in what Durable Objects store or are named, nor in anything else that the Workers keep", () => {
    const folder = join(own.platform.stateDir, "cloudflare");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
    const contents = files.map((file) => join(folder, file)).filter((file) => statSync(file).isFile());
    expect(contents.some((file) => file.endsWith(".sqlite"))).toBe(true);
    for (const file of contents) expect(found(`${file}\n${readFileSync(file, "latin1")}`)).toEqual([]);
  });

  it("is not in what the queues held, though they held its records; nor in dead letters", async () => {
    // A letter that nobody can take, of a record of the canary's.
    const bodies = own.platform.queues.history?.get("domicile-audit-eu") ?? [];
    expect(bodies.length).toBeGreaterThan(0);
    const message = JSON.parse(Buffer.from(bodies[0] ?? "", "base64").toString()) as { id: string };
    const body = Buffer.from(JSON.stringify({ ...message, id: "msg_mislabelled" }));
    own.platform.queues.send("domicile-audit-eu", [{ contentType: "json", body, delaySeconds: 0 }]);
    await eventually(async () => (await dump("eu")).includes("mislabelled"), 15_000);
    const held = [...(own.platform.queues.history?.values() ?? [])].flat();
    expect(found(held.map((text) => Buffer.from(text, "base64").toString()).join("\n"))).toEqual([]);
    for (const text of held)
      expect(Buffer.from(text, "base64").toString()).toMatch(/"(?:sealed|body)":"|"kind":"webhook.due"/);
  });

  it("leaves no address, user agent, payload, answer or reason in the clear, not even at home", async () => {
    const text = await dump("eu");
    for (const sealed of [canary.payload, canary.response, canary.reason]) expect(text).not.toContain(sealed);
    expect(text).not.toContain(canary.address);
    expect(text).not.toContain(canary.userAgent);
  });

  it("is not in the logs, though there are some", () => {
    const text = own.platform.logs.map((entry) => entry.message).join("\n");
    expect(text).toContain("request.failed");
    expect(found(text)).toEqual([]);
  });
});
