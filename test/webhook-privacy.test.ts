import { exportJWK, generalDecrypt, generateKeyPair, type GeneralJWE } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startReceiver, type Receiver } from "../dev/receiver.ts";
import type { EventView } from "../schema/http/events.ts";
import { act, at, deliveriesOf, emit, newEndpoint, untilStatus } from "./webhook-world.ts";
import { call, eventually, newCustomer, newUser, wait, type TestUser } from "./world.ts";

let receiver: Receiver;
let european: TestUser;
let token: string;

beforeAll(async () => {
  receiver = await startReceiver();
  const customer = await newCustomer({ tier: "ci", key_tiers: ["ci"] });
  ({ token } = await newUser(customer, "owner", "us"));
  european = await newUser(customer, "admin", "eu");
});

afterAll(() => receiver.close());

describe("end-to-end encryption", () => {
  const register = (jwk: object) => act<{ id: string; versions: { kid: string }[] }>(token, "/v1/public-keys", { jwk });

  it.each([
    ["X25519", "ECDH-ES+A256KW", { crv: "X25519" }],
    ["P-256", "ECDH-ES+A256KW", { crv: "P-256" }],
    ["RSA", "RSA-OAEP-256", { modulusLength: 2048 }],
  ])("delivers a JWE to a key of %s, and during a rotation to the old and the new one", async (name, alg, options) => {
    const [old, next] = [
      await generateKeyPair(alg, { ...options, extractable: true }),
      await generateKeyPair(alg, { ...options, extractable: true }),
    ];
    const made = await register(await exportJWK(old.publicKey));
    expect(made.status).toBe(201);
    const [path, type] = [`/jwe-${name}`, `jwe.${name.replace("-", "")}`];
    await newEndpoint(token, receiver, path, { event_types: [type], public_key_id: made.body.id });
    receiver.secrets.delete(path);
    const open = async (key: typeof old) => {
      const jwe = JSON.parse(at(receiver, path).at(-1)?.body ?? "") as GeneralJWE;
      const { plaintext } = await generalDecrypt(jwe, key.privateKey);
      return JSON.parse(new TextDecoder().decode(plaintext)) as unknown;
    };
    const first = await emit(token, { type, data: { for: "your eyes" } });
    await untilStatus(token, first.id, "delivered");
    expect(at(receiver, path)[0]?.headers["content-type"]).toBe("application/jose+json");
    expect(at(receiver, path)[0]?.body).not.toContain("your eyes");
    expect(await open(old)).toMatchObject({ data: { for: "your eyes" } });
    const jwk = await exportJWK(next.publicKey);
    const rotated = await act(token, `/v1/public-keys/${made.body.id}/rotate`, { jwk, grace_seconds: 3600 });
    expect(rotated.status).toBe(201);
    // Configuration is seen by every isolate within three seconds here.
    await eventually(async () => {
      const event = await emit(token, { type, data: 2 });
      await untilStatus(token, event.id, "delivered");
      return (JSON.parse(at(receiver, path).at(-1)?.body ?? "") as GeneralJWE).recipients.length === 2;
    });
    expect(await open(old)).toMatchObject({ data: 2 });
    expect(await open(next)).toMatchObject({ data: 2 });
  });

  it("refuses keys that are bad or weak, and says why", async () => {
    const weak = await generateKeyPair("RSA-OAEP-256", { modulusLength: 2048, extractable: true });
    const secret = await exportJWK(weak.privateKey);
    const good = await exportJWK(weak.publicKey);
    for (const [jwk, reason] of [
      [secret, "private member"],
      [{ ...good, e: "Aw" }, "e must be"],
      [{ ...good, e: "______E" }, "33 bits"],
      [{ kty: "RSA", n: Buffer.alloc(128, 255).toString("base64url"), e: "AQAB" }, "1024 bits"],
      [{ kty: "OKP", crv: "X25519", x: Buffer.alloc(32).toString("base64url") }, "cannot|can be used|small order"],
      [{ kty: "OKP", crv: "Ed25519", x: Buffer.alloc(32, 1).toString("base64url") }, "must be a key of the type"],
      [
        {
          kty: "EC",
          crv: "P-256",
          x: Buffer.alloc(32, 1).toString("base64url"),
          y: Buffer.alloc(32, 1).toString("base64url"),
        },
        "curve",
      ],
      [{ kty: "oct", k: "c2VjcmV0" }, "private member"],
      [{ ...good, use: "sig" }, "use"],
      [{ ...good, alg: "RSA1_5" }, "alg"],
      [{}, "must be a key"],
    ] as const) {
      const answer = await register(jwk);
      expect(answer.status).toBe(422);
      expect(JSON.stringify(answer.body)).toMatch(new RegExp(reason));
      expect(JSON.stringify(answer.body)).not.toContain((jwk as { n?: string }).n ?? "never");
    }
    expect((await register(good)).status).toBe(201);
    expect((await register(good)).status).toBe(409);
  });

  it("has no more than five valid versions of a key", async () => {
    const jwk = async () =>
      exportJWK((await generateKeyPair("ECDH-ES", { crv: "X25519", extractable: true })).publicKey);
    const made = await register(await jwk());
    const statuses: number[] = [];
    for (let count = 0; count < 5; count++)
      statuses.push(
        (await act(token, `/v1/public-keys/${made.body.id}/rotate`, { jwk: await jwk(), grace_seconds: 60 })).status,
      );
    expect(statuses).toEqual([201, 201, 201, 201, 409]);
  });

  it("parks rather than send in the clear once the key is revoked", async () => {
    const pair = await generateKeyPair("ECDH-ES", { crv: "X25519", extractable: true });
    const made = await register(await exportJWK(pair.publicKey));
    await newEndpoint(token, receiver, "/revoked", { event_types: ["revoked.key"], public_key_id: made.body.id });
    receiver.secrets.delete("/revoked");
    expect((await call(`/v1/public-keys/${made.body.id}`, { method: "DELETE", token })).status).toBe(204);
    await eventually(async () => {
      const event = await emit(token, { type: "revoked.key", data: { clear: "never" } });
      await eventually(async () => (await deliveriesOf(token, `event_id=${event.id}`))[0]?.status !== "pending");
      return (await deliveriesOf(token, `event_id=${event.id}`))[0]?.parked_for === "no_valid_key";
    });
    expect(at(receiver, "/revoked").some(({ body }) => body.includes("never"))).toBe(false);
    expect(
      (await act(token, "/v1/webhook-endpoints", { url: `${receiver.url}/x`, public_key_id: made.body.id })).status,
    ).toBe(422);
  });
});

describe("residency", () => {
  it("keeps events of one region from endpoints of another, unless that was opted in to, on the record", async () => {
    const path = "/cross";
    const made = await newEndpoint(token, receiver, path, { event_types: ["cross.*"] });
    const about = { type: "cross.one", user_id: european.id, data: { who: "european" } };
    const closed = await emit(token, about);
    expect((await call<EventView>(`/v1/events/${closed.id}`, { token })).body.deliveries).toEqual([]);
    expect((await act(token, "/v1/webhook-endpoints", { url: `${receiver.url}/x`, cross_region: true })).status).toBe(
      422,
    );
    expect((await act(token, "/v1/webhook-endpoints", { url: `${receiver.url}/x`, cross_region: {} })).status).toBe(
      422,
    );
    const legal_basis = "Standard contractual clauses, annex II";
    const url = `/v1/webhook-endpoints/${made.id}`;
    const opted = await call(url, { method: "PATCH", token, body: { cross_region: { legal_basis } } });
    expect(opted.body).toMatchObject({ cross_region: { legal_basis } });
    const log = await call<{ data: { detail: string; resource_id: string }[] }>(
      "/v1/audit-logs?action=webhook_endpoint.cross_region",
      { token },
    );
    expect(log.body.data[0]).toMatchObject({ detail: legal_basis, resource_id: made.id });
    let reached = closed;
    await eventually(async () => {
      reached = await emit(token, about);
      return (await call<EventView>(`/v1/events/${reached.id}`, { token })).body.deliveries.length === 1;
    });
    expect(reached.region).toBe("eu");
    await eventually(async () => at(receiver, path).some(({ id }) => id === reached.id), 10_000);
    // Signed by the same secret, from the event's own region, where the delivery is.
    expect(at(receiver, path).every(({ verified }) => verified !== null)).toBe(true);
    const there = await call<{ data: { event_id: string }[] }>(`/v1/deliveries?region=eu&endpoint_id=${made.id}`, {
      token,
    });
    expect(there.body.data.map(({ event_id }) => event_id)).toContain(reached.id);
    expect(await deliveriesOf(token, `event_id=${reached.id}`)).toEqual([]);
    const rotated = await act<{ secret: string }>(token, `${url}/secret/rotate`, { overlap_seconds: 0 });
    receiver.secrets.set(path, rotated.body.secret);
    await eventually(async () => {
      const event = await emit(token, about);
      await eventually(async () => at(receiver, path).some(({ id }) => id === event.id), 10_000);
      return at(receiver, path).some(({ id, verified }) => id === event.id && verified !== null);
    });
    await call(url, { method: "PATCH", token, body: { cross_region: null } });
    await eventually(async () => {
      const event = await emit(token, about);
      return (await call<EventView>(`/v1/events/${event.id}`, { token })).body.deliveries.length === 0;
    });
    await call(url, { method: "PATCH", token, body: { cross_region: { legal_basis } } });
    await eventually(async () => {
      const event = await emit(token, about);
      const { deliveries } = (await call<EventView>(`/v1/events/${event.id}`, { token })).body;
      if (deliveries.length === 0) return false;
      await eventually(async () => at(receiver, path).some(({ id }) => id === event.id), 10_000);
      return true;
    });
  });

  it("sends nothing more of what waits once the opt-in is taken back", async () => {
    const path = "/withdrawn";
    const legal_basis = "Standard contractual clauses, annex II";
    receiver.answer = (one) => ({ status: one.path === path ? 503 : 204 });
    const made = await newEndpoint(token, receiver, path, { event_types: ["late.*"], cross_region: { legal_basis } });
    const emitAbout = () => emit(token, { type: "late.one", user_id: european.id, data: {} });
    let event = await emitAbout();
    await eventually(async () => {
      event = await emitAbout();
      return at(receiver, path).length > 0;
    });
    await call(`/v1/webhook-endpoints/${made.id}`, { method: "PATCH", token, body: { cross_region: null } });
    // No other event is emitted: the Courier asks by itself.
    await eventually(async () => {
      const found = await deliveriesOf(token, `region=eu&event_id=${event.id}`);
      return found[0]?.parked_for === "residency";
    }, 20_000);
    receiver.answer = () => ({ status: 204 });
    const before = at(receiver, path).length;
    await wait(3000);
    expect(at(receiver, path)).toHaveLength(before);
  });

  it("makes an endpoint of another region by name, which gets that region's events", async () => {
    await newEndpoint(token, receiver, "/eu", { event_types: ["in.eu"] }, "?region=eu");
    const event = await emit(european.token, { type: "in.eu", data: {} });
    await eventually(async () => at(receiver, "/eu").some(({ id }) => id === event.id), 10_000);
    await emit(token, { type: "in.eu", data: {} });
    expect(at(receiver, "/eu").filter(({ id }) => id !== event.id)).toEqual([]);
  });
});
