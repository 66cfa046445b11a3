import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { exportJWK, generateKeyPair, importJWK, SignJWT } from "jose";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { mintApiKey } from "../schema/api-key.ts";
import { newId } from "../schema/ids.ts";
import { sessionAudience, sessionTokenType } from "../schema/session-token.ts";
import { baseUrl, call, newCustomer, newUser } from "./world.ts";

const databases: postgres.Sql[] = [];

beforeAll(() => {
  const { us, eu } = inject("platform").ownerUrls;
  databases.push(...[us, eu].map((url) => postgres(url, { max: 1 })));
});

afterAll(() => Promise.all(databases.map((database) => database.end())));

/** Objects that have ever been woken, by their files. */
function objects(): number {
  const files = readdirSync(join(inject("platform").stateDir, "cloudflare"), { recursive: true, encoding: "utf8" });
  return files.filter((file) => /[0-9a-f]{64}\.sqlite$/.test(file)).length;
}

/** Connections that the regions' Workers have made, from the databases' own count. */
async function connections(): Promise<number> {
  const counts = await Promise.all(
    databases.map(async (database) => {
      await database`select pg_stat_clear_snapshot()`;
      const [row] = await database`select sessions::int from pg_stat_database where datname = current_database()`;
      return Number(row?.["sessions"]);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** A token that is right in everything but who signed it, or with what. */
async function forgedTokens(count: number): Promise<string[]> {
  const user = await newUser(await newCustomer());
  const [, payload = "", signature = ""] = user.token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
  const { kid } = JSON.parse(Buffer.from(user.token.split(".")[0] ?? "", "base64url").toString()) as { kid: string };
  const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const foreign = await importJWK(await exportJWK(privateKey), "EdDSA");
  const none = `${Buffer.from(JSON.stringify({ alg: "none", typ: sessionTokenType, kid })).toString("base64url")}.${payload}.`;
  const tokens = Array.from({ length: count }, async (_, at) => {
    const body = { ...claims, aud: sessionAudience, jti: String(at) };
    const keyId = at % 3 === 0 ? `us_${randomBytes(6).toString("hex")}` : kid;
    const signed = await new SignJWT(body)
      .setProtectedHeader({ alg: "EdDSA", typ: sessionTokenType, kid: keyId })
      .sign(foreign);
    return at % 4 === 0 ? `${signed.split(".").slice(0, 2).join(".")}.${signature}` : signed;
  });
  return [none, ...(await Promise.all(tokens))];
}

/** Keys of the right form: with a checksum of another key, or with one character changed. */
async function madeUpKeys(count: number): Promise<string[]> {
  const keys = Array.from({ length: count }, async (_, at) => {
    const { key } = await mintApiKey(at % 2 ? "us" : "eu", newId("apiKey"), "a key that no region has, of 32 or more");
    const place = 8 + (at % 60);
    return at % 3 === 0 ? key.slice(0, place) + (key[place] === "a" ? "b" : "a") + key.slice(place + 1) : key;
  });
  return Promise.all(keys);
}

it(
  "refuses 10,000 made-up credentials with 401, waking no object and asking no database",
  { timeout: 60_000 },
  async () => {
    const credentials = [...(await forgedTokens(4999)), ...(await madeUpKeys(5000))];
    expect(credentials).toHaveLength(10_000);
    // The statistics of what the preparation did are flushed within a second of its end.
    await new Promise((flushed) => setTimeout(flushed, 1500));
    const before = { objects: objects(), connections: await connections() };
    const began = Date.now();
    const statuses = new Map<number, number>();
    const queue = [...credentials];
    const client = async (): Promise<void> => {
      for (let token = queue.pop(); token !== undefined; token = queue.pop()) {
        const { status } = await call(queue.length % 2 ? "/v1/me" : "/orders/42", { token });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: 50 }, client));
    expect(Object.fromEntries(statuses)).toEqual({ 401: 10_000 });
    await new Promise((flushed) => setTimeout(flushed, 1500));
    expect(objects()).toBe(before.objects);
    // The sweepers of both regions come every five seconds, with two connections each.
    const sweeps = Math.ceil((Date.now() - began) / 5000) + 1;
    expect((await connections()) - before.connections).toBeLessThanOrEqual(sweeps * 2 * 2);
    expect((await fetch(`${baseUrl()}/healthz`)).status).toBe(200);
  },
);
