import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, type Answer } from "../dev/api.ts";
import { processes } from "../dev/processes.ts";
import { newDataKey, newSessionKey, type LocalSecrets } from "../dev/secrets.ts";
import { startOwnPlatform, type OwnPlatform } from "./own-platform.ts";
import { eventually } from "./world.ts";

let own: OwnPlatform;

beforeAll(async () => {
  own = await startOwnPlatform();
});

afterAll(() => own.close());

function get(path: string, token: string): Promise<Answer> {
  return ask(own.platform.baseUrl, path, { token });
}

describe("faults", () => {
  it("spends no token twice when the Workers are killed in the middle of a storm", async () => {
    const { token } = await own.user("storm@own.example", "member", "us");
    const began = Date.now();
    let admitted = 0;
    let asked = 0;
    const client = async (): Promise<void> => {
      while (asked < 1000) {
        asked += 1;
        const answer = await get("/v1/limits", token).catch(() => null);
        if (answer?.status === 200) admitted += 1;
        if (answer === null) await new Promise((again) => setTimeout(again, 100));
      }
    };
    const clients = Array.from({ length: 50 }, client);
    await new Promise((struck) => setTimeout(struck, 150));
    await own.platform.restartWorkers("kill");
    await Promise.all(clients);
    // More in the same minute: the session has survived, and the bucket remembers.
    for (let at = 0; at < 200; at++) if ((await get("/v1/limits", token)).status === 200) admitted += 1;
    const elapsed = (Date.now() - began) / 1000;
    expect(admitted).toBeGreaterThan(0);
    expect(admitted).toBeLessThanOrEqual(20 + 20 * elapsed);
    expect(admitted).toBeLessThanOrEqual(100 + (100 / 60) * elapsed);
    const limits = await get("/v1/limits", token);
    expect([200, 429]).toContain(limits.status);
  });

  it("goes on without Postgres where none is needed, says 503 where it is, and recovers by itself", async () => {
    const { token } = await own.user("outage@own.example", "member", "eu");
    expect((await get("/orders/42", token)).status).toBe(200);
    await own.platform.postgres.stop("immediate");
    try {
      expect((await get("/v1/limits", token)).status).toBe(200);
      expect((await get("/orders/42", token)).body).toMatchObject({ origin: "eu" });
      const refused = await get("/v1/me", token);
      expect(refused.status).toBe(503);
      expect(refused.headers.get("retry-after")).not.toBeNull();
      expect(refused.body).toMatchObject({ code: "unavailable", detail: "Temporarily unavailable." });
      const signOut = await ask(own.platform.baseUrl, "/v1/sessions/current", { method: "DELETE", token });
      expect(signOut.status).toBe(503);
    } finally {
      await own.platform.postgres.start();
    }
    expect((await get("/v1/me", token)).status).toBe(200);
    const signOut = await ask(own.platform.baseUrl, "/v1/sessions/current", { method: "DELETE", token });
    expect(signOut.status).toBe(204);
    expect((await get("/v1/limits", token)).status).toBe(401);
  });

  it("serves again after kill -9 of the connection pooler", async () => {
    const { token } = await own.user("pooler@own.example", "member", "us");
    const poolers = processes().filter(
      ({ parent, command }) => parent === process.pid && /pooler.process/.test(command),
    );
    expect(poolers).toHaveLength(1);
    for (const { pid } of poolers) process.kill(pid, "SIGKILL");
    await eventually(async () => (await get("/v1/me", token)).status === 200, 10_000);
  });

  it("keeps a sign-out through a kill, and a session through another", async () => {
    const stays = await own.user("stays@own.example", "member", "us");
    const leaves = await own.user("leaves@own.example", "member", "us");
    await ask(own.platform.baseUrl, "/v1/sessions/current", { method: "DELETE", token: leaves.token });
    await own.platform.restartWorkers("kill");
    expect((await get("/v1/me", stays.token)).status).toBe(200);
    expect((await get("/v1/me", leaves.token)).status).toBe(401);
  });

  it("reads what the old data key sealed through a rotation of the ring, and without it once that is rewrapped", async () => {
    const { token } = await own.user("ring@own.example", "admin", "us");
    const { us } = own.platform.secrets.regions;
    const create = () =>
      ask(own.platform.baseUrl, "/v1/api-keys", {
        method: "POST",
        token,
        body: { name: "ring" },
        headers: { "idempotency-key": "ring" },
      });
    const addressOf = async (): Promise<unknown> => {
      const { body } = await ask<{ data: { ip_address: string | null }[] }>(
        own.platform.baseUrl,
        "/v1/audit-logs?action=api_key.create",
        { token },
      );
      return body.data[0]?.ip_address;
    };
    const rewrap = () =>
      ask(own.platform.baseUrl, "/operator/v1/data-keys/rewrap?region=us", {
        method: "POST",
        token: own.platform.secrets.operatorToken,
      });
    const first = await create();
    await eventually(async () => (await addressOf()) === "127.0.0.1");
    us.dataKeys.unshift(newDataKey("us"));
    await own.platform.restartWorkers();
    expect(await addressOf()).toBe("127.0.0.1");
    expect((await create()).body).toEqual(first.body);
    const { body } = await rewrap();
    expect(body["rewrapped"]).toBeGreaterThan(0);
    expect(body["waiting"]).toBe(0);
    us.dataKeys.pop();
    await own.platform.restartWorkers();
    expect(await addressOf()).toBe("127.0.0.1");
    expect((await rewrap()).body).toEqual({ rewrapped: 0, waiting: 0 });
  });

  it("signs nobody out when a region's session key is rotated", async () => {
    const before = await own.user("rotation@own.example", "member", "us");
    const file = join(own.platform.stateDir, "secrets.json");
    const secrets = JSON.parse(readFileSync(file, "utf8")) as LocalSecrets;
    secrets.regions.us.sessionKeys.unshift(await newSessionKey("us"));
    writeFileSync(file, JSON.stringify(secrets));
    own.platform.secrets.regions.us.sessionKeys.unshift(...secrets.regions.us.sessionKeys.slice(0, 1));
    await own.platform.restartWorkers();
    const after = await own.signIn("rotation@own.example");
    expect(decodeProtectedHeader(after.token).kid).not.toBe(decodeProtectedHeader(before.token).kid);
    expect((await get("/v1/me", before.token)).status).toBe(200);
    expect((await get("/v1/me", after.token)).status).toBe(200);
    const jwks = await ask<{ keys: object[] }>(own.platform.baseUrl, "/.well-known/jwks.json");
    expect(jwks.body.keys).toHaveLength(3);
    expect(JSON.stringify(jwks.body)).not.toContain('"d"');
  });
});
