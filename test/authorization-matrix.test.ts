import { readFileSync } from "node:fs";
import { join } from "node:path";
import { importJWK, SignJWT } from "jose";
import { beforeAll, describe, expect, inject, it } from "vitest";
import type { LocalSecrets } from "../dev/secrets.ts";
import { newId } from "../schema/ids.ts";
import { routes } from "../schema/http/routes.ts";
import type { RouteContract } from "../schema/http/route.ts";
import { roles, scopes, type Role } from "../schema/principal.ts";
import { sessionAudience, sessionTokenType } from "../schema/session-token.ts";
import { expectation, personas, type Persona } from "./authorization-expectation.ts";
import { baseUrl, call, newCustomer, newKey, newUser, operate, signIn, type TestUser } from "./world.ts";

/** Who tries, and whose resources are tried. Everybody has buckets too big to matter. */
interface Cast {
  readonly tokens: Readonly<Record<Exclude<Persona, "none">, string>>;
  readonly users: Readonly<Record<Role, TestUser>>;
  readonly victimUser: string;
  readonly victimKey: string;
  readonly victims: Readonly<Record<"event" | "webhook_endpoint" | "delivery" | "public_key", string>>;
  readonly customerId: string;
}

let cast: Cast;

beforeAll(async () => {
  const wide = [{ name: "min", quota: 1_000_000, window_seconds: 60 }];
  await operate("PUT", "/tiers/matrix", { policies: wide });
  cast = await gather();
});

async function gather(): Promise<Cast> {
  const tier = { tier: "matrix", key_tiers: ["matrix"] };
  const [customer, elsewhere] = [await newCustomer(tier), await newCustomer(tier)];
  const users = {
    owner: await newUser(customer, "owner"),
    admin: await newUser(customer, "admin"),
    member: await newUser(customer, "member"),
    viewer: await newUser(customer, "viewer"),
  };
  const stranger = await newUser(elsewhere, "owner");
  const revoked = await newUser(customer, "owner");
  await call("/v1/sessions/current", { method: "DELETE", token: revoked.token });
  const { owner } = users;
  return {
    users,
    customerId: customer.id,
    victimUser: (await newUser(customer, "member", "eu")).id,
    victimKey: (await newKey(owner)).id,
    victims: await gatherWebhooks(owner),
    tokens: {
      forged: `${owner.token.slice(0, -4)}AAAA`,
      expired: await expiredToken(owner, customer.id),
      revoked: revoked.token,
      viewer: users.viewer.token,
      member: users.member.token,
      admin: users.admin.token,
      owner: owner.token,
      "other customer": stranger.token,
      "key without scope": (await newKey(owner, { scopes: [] })).key,
      "key with scope": (await newKey(owner, { scopes: [...scopes] })).key,
      operator: inject("platform").operatorToken,
    },
  };
}

/** An endpoint that is never called, an event for it, and a public key. */
async function gatherWebhooks(owner: TestUser): Promise<Cast["victims"]> {
  const make = (path: string, body: object) =>
    call<{ id: string }>(path, { method: "POST", token: owner.token, body: { ...body } });
  const endpoint = await make("/v1/webhook-endpoints", { url: "http://127.0.0.1:9/" });
  const event = await make("/v1/events", { type: "matrix.made", data: 1 });
  const listed = await call<{ data: { id: string }[] }>("/v1/deliveries", { token: owner.token });
  const key = await make("/v1/public-keys", { jwk: x25519 });
  return {
    event: event.body.id,
    webhook_endpoint: endpoint.body.id,
    delivery: listed.body.data[0]?.id ?? "none",
    public_key: key.body.id,
  };
}

/** RFC 8037 appendix A.6. */
const x25519 = { kty: "OKP", crv: "X25519", x: "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08" };

/** Bodies of routes that want more than `{}`: what is wrong with a request must be who makes it. */
const bodies: Readonly<Record<string, unknown>> = {
  decryptEvent: { reason: "the matrix" },
  decryptDelivery: { reason: "the matrix" },
  operatorDecryptEvent: { reason: "the matrix", ticket: "T-1" },
  revealWebhookSecret: { reason: "the matrix" },
  recoverWebhookEndpoint: { since: "2026-01-01T00:00:00Z" },
  rotatePublicKey: { jwk: x25519, grace_seconds: 0 },
};

/** A token of a live session, signed by the region's own key, that ended a minute ago. */
async function expiredToken(user: TestUser, customerId: string): Promise<string> {
  const file = join(inject("platform").stateDir, "secrets.json");
  const secrets = JSON.parse(readFileSync(file, "utf8")) as LocalSecrets;
  const [key] = secrets.regions.us.sessionKeys;
  if (key === undefined) throw new Error("the region has a key");
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    sub: user.id,
    sid: user.sessionId,
    cid: customerId,
    rgn: "us",
    ctr: "US",
    iat: now - 3660,
    exp: now - 60,
  };
  return new SignJWT({ ...claims, iss: baseUrl(), aud: sessionAudience })
    .setProtectedHeader({ alg: "EdDSA", typ: sessionTokenType, kid: key.kid })
    .sign(await importJWK(key, "EdDSA"));
}

/** Ids of this customer's for a stranger, ids of nothing for those who could do harm to the cast. */
function pathFor(contract: RouteContract, persona: Persona): string {
  const real = persona === "other customer" || expectation(contract, persona) !== "let in";
  const ids: Record<string, string> = {
    user: real ? cast.victimUser : newId("user"),
    api_key: real ? cast.victimKey : newId("apiKey"),
    session: real ? cast.users.owner.sessionId : newId("session"),
    customer: newId("customer"),
    event: real ? cast.victims.event : newId("event"),
    webhook_endpoint: real ? cast.victims.webhook_endpoint : newId("webhookEndpoint"),
    delivery: real ? cast.victims.delivery : newId("delivery"),
    public_key: real ? cast.victims.public_key : newId("publicKey"),
  };
  return contract.path
    .replace("{id}", ids[contract.resource] ?? "none")
    .replace("{name}", "none")
    .replace("{day}", "2026-01-01");
}

/** Who calls the route that ends every session is somebody made for it. */
async function tokenFor(contract: RouteContract, persona: Persona): Promise<string | undefined> {
  if (persona === "none") return undefined;
  const role = persona === "other customer" ? "owner" : persona;
  if (contract.operationId !== "deleteSessions" || !isRole(role)) return cast.tokens[persona];
  const customer = persona === "other customer" ? await newCustomer() : { id: cast.customerId, name: "" };
  return (await newUser(customer, role)).token;
}

function isRole(text: string): text is Role {
  return (roles as readonly string[]).includes(text);
}

describe("authorization matrix", () => {
  for (const contract of routes) {
    describe(`${contract.method} ${contract.path}`, () => {
      it.each(personas)("%s", async (persona) => {
        const wanted = expectation(contract, persona);
        const token = await tokenFor(contract, persona);
        const request = {
          method: contract.method,
          ...(token !== undefined && { token }),
          ...(contract.body && { body: bodies[contract.operationId] ?? {} }),
        };
        const answer = await call(pathFor(contract, persona), request);
        if (wanted === "let in") expect([401, 403, 500]).not.toContain(answer.status);
        else expect(answer.status).toBe(wanted);
        if (answer.status === 401) expect(answer.headers.get("domicile-region")).toBeNull();
      });
    });
  }

  it("has done no harm to whom it was aimed at", async () => {
    const token = (await signIn(cast.users.owner.email, cast.users.owner.password)).token;
    expect((await call(`/v1/users/${cast.victimUser}`, { token })).status).toBe(200);
    const keys = await call<{ data: { id: string; revoked_at: string | null }[] }>("/v1/api-keys?limit=100", { token });
    expect(keys.body.data.find((key) => key.id === cast.victimKey)?.revoked_at).toBeNull();
    expect((await call("/v1/me", { token: cast.users.owner.token })).status).toBe(200);
    const endpoint = await call(`/v1/webhook-endpoints/${cast.victims.webhook_endpoint}`, { token });
    expect(endpoint.body).toMatchObject({ status: "enabled", url: "http://127.0.0.1:9/" });
    const publicKeys = await call<{ data: { id: string; versions: unknown[] }[] }>("/v1/public-keys", { token });
    expect(publicKeys.body.data.find(({ id }) => id === cast.victims.public_key)?.versions).toHaveLength(1);
  });
});
