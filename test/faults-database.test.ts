import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, type Answer } from "../dev/api.ts";
import { startOwnPlatform, type OwnPlatform } from "./own-platform.ts";
import { eventually } from "./world.ts";

let own: OwnPlatform;
let superuser: postgres.Sql;

beforeAll(async () => {
  own = await startOwnPlatform();
  // In the database that no test closes.
  superuser = postgres(own.platform.superuserUrl("us"), { max: 1, onnotice: () => undefined });
});

afterAll(async () => {
  await superuser.end({ timeout: 5 });
  await own.close();
});

type Closable = "global" | "eu";

/** Runs `work` while one database refuses connections, and waits until it is open again. */
async function whileClosed(database: Closable, work: () => Promise<void>): Promise<void> {
  await superuser.unsafe(`alter database ${database} allow_connections false`);
  try {
    await superuser`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${database}`;
    await eventually(async () => {
      const [row] = await superuser<{ left: number }[]>`
        select count(*)::int as left from pg_stat_activity where datname = ${database}`;
      return row?.left === 0;
    });
    await work();
  } finally {
    await superuser.unsafe(`alter database ${database} allow_connections true`);
  }
}

const password = "correct horse battery staple";

function signIn(email: string): Promise<Answer> {
  return ask(own.platform.baseUrl, "/v1/sessions", { method: "POST", body: { email, password } });
}

function get(path: string, token: string): Promise<Answer> {
  return ask(own.platform.baseUrl, path, { token });
}

function expectUnavailable(answer: Answer): void {
  expect(answer).toMatchObject({ status: 503, body: { status: 503, code: "unavailable" } });
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
}

describe("when only global's Postgres refuses connections", () => {
  it("answers a sign-in with 503, serves who is signed in, and signs in again when it is back", async () => {
    const { token } = await own.user("global@own.example", "owner", "us");
    expect((await get("/v1/me", token)).status).toBe(200);
    await whileClosed("global", async () => {
      expectUnavailable(await signIn("global@own.example"));
      expectUnavailable(await signIn("unknown@own.example"));
      expect((await get("/v1/me", token)).status).toBe(200);
    });
    await eventually(async () => (await signIn("global@own.example")).status === 201, 10_000);
  });

  it("answers with 503 what looks up or writes the login directory or public keys", async () => {
    const { id, token } = await own.user("directory@own.example", "owner", "us");
    const user = { email: "new@own.example", password, name: "New", role: "member", region: "us" };
    const asked = (method: string, path: string, body?: object) =>
      ask(own.platform.baseUrl, path, { method, token, ...(body && { body }) });
    await whileClosed("global", async () => {
      expectUnavailable(await asked("POST", "/v1/users", user));
      expectUnavailable(await asked("GET", `/v1/users/${id}`));
      expectUnavailable(await asked("GET", "/v1/public-keys"));
      const operator = { token: own.platform.secrets.operatorToken };
      expectUnavailable(await ask(own.platform.baseUrl, "/operator/v1/customers", operator));
    });
    await eventually(async () => (await asked("POST", "/v1/users", user)).status === 201, 10_000);
    expect((await asked("GET", `/v1/users/${id}`)).status).toBe(200);
  });
});

describe("when only one region's Postgres refuses connections", () => {
  it("answers its users with 503 where Postgres is needed, serves the others, and recovers", async () => {
    const home = await own.user("home@own.example", "owner", "eu");
    const other = await own.user("other@own.example", "owner", "us");
    for (const { token } of [home, other]) expect((await get("/v1/me", token)).status).toBe(200);
    await whileClosed("eu", async () => {
      expectUnavailable(await get("/v1/me", home.token));
      expectUnavailable(await get("/v1/audit-logs", home.token));
      expectUnavailable(await signIn("home@own.example"));
      const key = { method: "POST", token: home.token, body: { name: "key" }, headers: { "idempotency-key": "eu" } };
      expectUnavailable(await ask(own.platform.baseUrl, "/v1/api-keys", key));
      const signOut = { method: "DELETE", token: home.token };
      expectUnavailable(await ask(own.platform.baseUrl, "/v1/sessions/current", signOut));
      expect((await get("/v1/limits", home.token)).status).toBe(200);
      expect((await get("/orders/42", home.token)).body).toMatchObject({ origin: "eu" });
      expect((await get("/v1/me", other.token)).status).toBe(200);
      expect((await get("/v1/audit-logs", other.token)).status).toBe(200);
      expect((await signIn("other@own.example")).status).toBe(201);
    });
    await eventually(async () => (await get("/v1/me", home.token)).status === 200, 10_000);
    expect((await signIn("home@own.example")).status).toBe(201);
  });

  it("answers a user whose Gate has never been asked with 503", async () => {
    const { token } = await own.user("unasked@own.example", "member", "eu");
    await whileClosed("eu", async () => {
      expectUnavailable(await get("/v1/limits", token));
    });
    await eventually(async () => (await get("/v1/limits", token)).status === 200, 10_000);
  });
});
