import { decodeJwt, decodeProtectedHeader } from "jose";
import postgres from "postgres";
import { describe, expect, inject, it } from "vitest";
import { call, newCustomer, newUser, signIn } from "./world.ts";

interface Page {
  readonly data: Record<string, string>[];
  readonly next_cursor: string | null;
}

describe("sessions", () => {
  it("answer a sign-in as the contract says, with a cookie that only this host gets", async () => {
    const customer = await newCustomer();
    const user = await newUser(customer, "member", "eu");
    const answer = await call("/v1/sessions", {
      method: "POST",
      body: { email: ` ${user.email.toUpperCase()} `, password: user.password },
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("domicile-region")).toBe("eu");
    expect(answer.headers.get("set-cookie")).toBe(
      `__Host-session=${String(answer.body["token"])}; Max-Age=3600; Path=/; HttpOnly; Secure; SameSite=Lax`,
    );
    expect(answer.body).toEqual({
      token: expect.any(String) as string,
      session: {
        id: expect.stringMatching(/^ses_/) as string,
        region: "eu",
        created_at: expect.stringMatching(/Z$/) as string,
        expires_at: expect.stringMatching(/Z$/) as string,
      },
      user: {
        id: user.id,
        customer_id: customer.id,
        email: user.email,
        name: "Name member",
        role: "member",
        region: "eu",
      },
    });
    const token = String(answer.body["token"]);
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: "EdDSA", kid: expect.stringMatching(/^eu_/) as string });
    expect(JSON.stringify(decodeJwt(token))).not.toContain("@");
  });

  it("are one answer for an unknown user, a wrong password and a disabled user", async () => {
    const customer = await newCustomer();
    const owner = await newUser(customer);
    const disabled = await newUser(customer, "member");
    await call(`/v1/users/${disabled.id}`, { method: "PATCH", token: owner.token, body: { status: "disabled" } });
    const attempts = [
      { email: `nobody-${owner.email}`, password: owner.password },
      { email: owner.email, password: "wrong" },
      { email: disabled.email, password: disabled.password },
    ];
    const answers = await Promise.all(attempts.map((body) => call("/v1/sessions", { method: "POST", body })));
    for (const { status, headers, body } of answers) {
      expect(status).toBe(401);
      expect(headers.get("domicile-region")).toBeNull();
      expect(body).toMatchObject({ code: "invalid_credentials", detail: "Wrong e-mail address or password." });
    }
  });

  it("are listed, ended one by one, and ended all at once; never another user's", async () => {
    const customer = await newCustomer();
    const [user, other] = [await newUser(customer), await newUser(customer, "member")];
    const second = await signIn(user.email, user.password);
    const third = await signIn(user.email, user.password);
    const first = await call<Page>("/v1/sessions?limit=2", { token: user.token });
    const rest = await call<Page>(`/v1/sessions?limit=2&cursor=${first.body.next_cursor}`, { token: user.token });
    const listed = [...first.body.data, ...rest.body.data];
    expect(listed.map((session) => session["id"])).toEqual([third.sessionId, second.sessionId, user.sessionId]);
    expect(listed.map((session) => session["current"])).toEqual([false, false, true]);
    expect(rest.body.next_cursor).toBeNull();
    expect((await call(`/v1/sessions/${other.sessionId}`, { method: "DELETE", token: user.token })).status).toBe(404);
    expect((await call(`/v1/sessions/${second.sessionId}`, { method: "DELETE", token: user.token })).status).toBe(204);
    expect((await call("/v1/me", { token: second.token })).status).toBe(401);
    expect((await call("/v1/me", { token: third.token })).status).toBe(200);
    expect((await call("/v1/sessions", { method: "DELETE", token: user.token })).status).toBe(204);
    expect((await call("/v1/me", { token: user.token })).status).toBe(401);
    expect((await call("/v1/me", { token: third.token })).status).toBe(401);
    expect((await call("/v1/me", { token: other.token })).status).toBe(200);
  });

  it("are renewed by an hour, to twelve hours in all", async () => {
    const user = await newUser(await newCustomer());
    const renewed = await call("/v1/sessions/current/renew", { method: "POST", token: user.token });
    expect(renewed.status).toBe(200);
    expect((await call("/v1/me", { token: String(renewed.body["token"]) })).status).toBe(200);
    const owner = postgres(inject("platform").ownerUrls.us, { max: 1 });
    await owner`update sessions set ends_at = now() + interval '10 minutes' where id = ${user.sessionId}`;
    await owner.end();
    const last = await call("/v1/sessions/current/renew", { method: "POST", token: user.token });
    const left = Number(decodeJwt(String(last.body["token"])).exp) - Date.now() / 1000;
    expect(left).toBeLessThanOrEqual(600);
    expect(left).toBeGreaterThan(590);
  });

  it("refuse what is not a sign-in, and never repeat it", async () => {
    for (const body of [
      {},
      { email: "x", password: "secret-echo" },
      { email: ["a@b.example"], password: 7 },
      "text",
      [],
      null,
    ]) {
      const answer = await call("/v1/sessions", { method: "POST", body });
      expect(answer).toMatchObject({ status: 422, body: { code: "validation_failed" } });
      expect(JSON.stringify(answer.body)).not.toContain("secret-echo");
    }
  });
});

describe("me", () => {
  it("changes name and password; a new password ends every other session", async () => {
    const user = await newUser(await newCustomer(), "viewer");
    const second = await signIn(user.email, user.password);
    const body = { name: "New Name", password: "another password" };
    const changed = await call("/v1/me", { method: "PATCH", token: user.token, body });
    expect(changed).toMatchObject({ status: 200, body: { user: { name: "New Name" } } });
    expect((await call("/v1/me", { token: user.token })).status).toBe(200);
    expect((await call("/v1/me", { token: second.token })).status).toBe(401);
    expect(
      (await call("/v1/sessions", { method: "POST", body: { email: user.email, password: user.password } })).status,
    ).toBe(401);
    expect((await signIn(user.email, "another password")).id).toBe(user.id);
    expect((await call("/v1/me", { method: "PATCH", token: user.token, body: { role: "owner" } })).status).toBe(422);
    expect((await call("/v1/me", { method: "PATCH", token: user.token, body: { password: "short" } })).status).toBe(
      422,
    );
  });
});

describe("users", () => {
  const person = (change: object = {}) => ({
    email: `${crypto.randomUUID()}@customer.example`,
    password: "a long password",
    name: "Somebody",
    role: "member",
    ...change,
  });

  it("are at home where they are asked to be, else where the request comes from, within the customer's regions", async () => {
    const [both, usOnly] = [await newCustomer(), await newCustomer({ allowed_regions: ["us"], upstreams: {} })];
    const [owner, single] = [await newUser(both), await newUser(usOnly)];
    const create = (token: string, body: object, country: string) =>
      call("/v1/users", { method: "POST", token, body, headers: { "domicile-dev-country": country } });
    expect((await create(owner.token, person(), "DE")).body["region"]).toBe("eu");
    expect((await create(owner.token, person(), "BR")).body["region"]).toBe("us");
    expect((await create(owner.token, person({ region: "eu" }), "US")).body["region"]).toBe("eu");
    expect((await create(single.token, person(), "DE")).body["region"]).toBe("us");
    expect((await create(single.token, person({ region: "eu" }), "US")).status).toBe(422);
  });

  it("are listed over every region, page by page, none skipped and none twice", async () => {
    const customer = await newCustomer();
    const owner = await newUser(customer);
    const made = [owner.id];
    for (const region of ["eu", "us", "eu"] as const) made.push((await newUser(customer, "member", region)).id);
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: { body: Page } = await call<Page>(`/v1/users?limit=1${cursor && `&cursor=${cursor}`}`, {
        token: owner.token,
      });
      seen.push(...page.body.data.map((user) => user["id"] ?? ""));
      cursor = page.body.next_cursor;
    }
    expect(seen.toSorted()).toEqual(made.toSorted());
    const eu = await call<Page>("/v1/users?region=eu", { token: owner.token });
    expect(eu.body.data).toHaveLength(2);
    expect((await call("/v1/users?cursor=bm9uc2Vuc2U", { token: owner.token })).status).toBe(422);
    expect((await call("/v1/users?limit=0", { token: owner.token })).status).toBe(422);
  });

  it("are read, changed and deleted in whatever region they live; their address is free again", async () => {
    const customer = await newCustomer();
    const owner = await newUser(customer);
    const emil = await newUser(customer, "member", "eu");
    const path = `/v1/users/${emil.id}`;
    expect((await call(path, { token: owner.token })).body).toMatchObject({
      id: emil.id,
      region: "eu",
      status: "active",
    });
    const changed = await call(path, { method: "PATCH", token: owner.token, body: { role: "admin", name: "Emil" } });
    expect(changed.body).toMatchObject({ role: "admin", name: "Emil" });
    expect((await call("/v1/api-keys", { token: emil.token })).status).toBe(200);
    expect((await call(path, { method: "DELETE", token: owner.token })).status).toBe(204);
    expect((await call("/v1/me", { token: emil.token })).status).toBe(401);
    expect((await call(path, { token: owner.token })).status).toBe(404);
    const again = await call("/v1/users", {
      method: "POST",
      token: owner.token,
      body: person({ email: emil.email, region: "us" }),
    });
    expect(again.status).toBe(201);
    const rows = postgres(inject("platform").ownerUrls.eu, { max: 1 });
    const [row] = await rows`select email, name, password_hash from users where id = ${emil.id}`;
    const kept = await rows`select id from sessions where user_id = ${emil.id}`;
    await rows.end();
    expect(row).toEqual({ email: null, name: null, password_hash: null });
    expect(kept).toHaveLength(0);
  });

  it("get no role above their maker's, keep an owner, and are nobody else's", async () => {
    const [customer, elsewhere] = [await newCustomer(), await newCustomer()];
    const [owner, admin, stranger] = [
      await newUser(customer),
      await newUser(customer, "admin"),
      await newUser(elsewhere),
    ];
    const attempt = (token: string, method: string, path: string, body?: object) =>
      call(path, { method, token, ...(body && { body }) }).then((answer) => answer.status);
    expect(await attempt(admin.token, "POST", "/v1/users", person({ role: "owner" }))).toBe(403);
    expect(await attempt(admin.token, "PATCH", `/v1/users/${owner.id}`, { name: "x" })).toBe(403);
    expect(await attempt(admin.token, "PATCH", `/v1/users/${admin.id}`, { role: "owner" })).toBe(403);
    expect(await attempt(owner.token, "DELETE", `/v1/users/${owner.id}`)).toBe(409);
    expect(await attempt(owner.token, "PATCH", `/v1/users/${owner.id}`, { role: "viewer" })).toBe(409);
    expect(await attempt(stranger.token, "PATCH", `/v1/users/${admin.id}`, { name: "x" })).toBe(404);
    expect(await attempt(stranger.token, "DELETE", `/v1/users/${admin.id}`)).toBe(404);
    expect(await attempt(owner.token, "POST", "/v1/users", person({ email: stranger.email }))).toBe(409);
    expect(await attempt(owner.token, "POST", "/v1/users", person({ role: "king" }))).toBe(422);
  });
});

describe("row-level security", () => {
  it("shows the Worker's role no row without a customer, none of another, and lets it change no other column", async () => {
    const [mine, theirs] = [await newCustomer(), await newCustomer()];
    const [me] = [await newUser(mine), await newUser(theirs)];
    const app = postgres(inject("platform").appUrls.us, { max: 1 });
    try {
      expect(await app`select * from users`).toHaveLength(0);
      const rows = await app.begin(async (tx) => {
        await tx`select set_config('app.customer_id', ${mine.id}, true)`;
        return tx`select id from users`;
      });
      expect(rows.map((row) => row["id"])).toEqual([me.id]);
      await expect(app`update users set customer_id = 'x'`).rejects.toThrow("permission denied");
      await expect(app`delete from users`).rejects.toThrow("permission denied");
      await expect(app`update sessions set user_id = 'x'`).rejects.toThrow("permission denied");
      const other = postgres(inject("platform").appUrls.us.replace(/us$/, "eu"), { max: 1 });
      await expect(other`select 1`).rejects.toThrow("permission denied");
      await other.end();
    } finally {
      await app.end();
    }
  });
});
