import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { identityTokenType, sessionAudience, sessionTokenType } from "../../../schema/session-token.ts";
import { KeyRing, privateKeySchema, type PrivateKey } from "./key-ring.ts";

const options = { issuer: "https://api.example", region: "eu" } as const;
const facts = { customer_id: "cus_1", region: "eu", tier: "basic" } as const;
let first: PrivateKey;
let second: PrivateKey;

async function newKey(kid: string): Promise<PrivateKey> {
  const { privateKey } = await generateKeyPair("EdDSA", { extractable: true });
  return privateKeySchema.parse({ ...(await exportJWK(privateKey)), kid });
}

beforeAll(async () => {
  [first, second] = await Promise.all([newKey("eu_first"), newKey("eu_second")]);
});

describe("the key ring", () => {
  it("publishes every key and no private part", () => {
    const { keys } = new KeyRing([first, second], options).jwks();
    expect(keys).toHaveLength(2);
    expect(JSON.stringify(keys)).not.toContain(first.d);
  });

  it("signs with the first key, and what an earlier first key signed still verifies", async () => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { sub: "usr_1", sid: "ses_1", cid: "cus_1", ctr: null, iat: now, exp: now + 60 };
    const token = await new KeyRing([first, second], options).signSession(claims);
    expect(decodeProtectedHeader(token)).toEqual({ alg: "EdDSA", typ: sessionTokenType, kid: "eu_first" });
    const rotated = createLocalJWKSet(new KeyRing([second, first], options).jwks());
    const { payload } = await jwtVerify(token, rotated, { audience: sessionAudience, issuer: options.issuer });
    expect(payload).toMatchObject({ sub: "usr_1", rgn: "eu" });
  });

  it("gives an upstream an identity of a minute that is not a session token", async () => {
    const ring = new KeyRing([first], options);
    const principal = { type: "user", id: "usr_1", session_id: "ses_1", role: "member", ...facts } as const;
    const token = await ring.signIdentity(principal, "https://origin.example", Date.now());
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(ring.jwks()), {
      audience: "https://origin.example",
      typ: identityTokenType,
    });
    expect(protectedHeader.typ).toBe(identityTokenType);
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
    expect(payload).toMatchObject({ sub: "usr_1", customer_id: "cus_1", role: "member", region: "eu" });
  });

  it("reuses an identity for half of its minute and no longer, so that an upstream never gets one that has expired", async () => {
    const ring = new KeyRing([first], options);
    const member = { type: "user", id: "usr_1", session_id: "ses_1", role: "member", ...facts } as const;
    const now = 1_700_000_000_000;
    const token = await ring.signIdentity(member, "https://a.example", now);
    expect(await ring.signIdentity(member, "https://a.example", now + 29_999)).toBe(token);
    for (const later of [30_000, 61_000, 350_000]) {
      const { exp = 0 } = decodeJwt(await ring.signIdentity(member, "https://a.example", now + later));
      expect(exp * 1000).toBeGreaterThanOrEqual(now + later + 30_000);
    }
  });

  it("never reuses an identity for another upstream or another role", async () => {
    const ring = new KeyRing([first], options);
    const member = { type: "user", id: "usr_1", session_id: "ses_1", role: "member", ...facts } as const;
    const now = Date.now();
    const token = await ring.signIdentity(member, "https://a.example", now);
    expect(await ring.signIdentity(member, "https://a.example", now)).toBe(token);
    expect(await ring.signIdentity(member, "https://b.example", now)).not.toBe(token);
    expect(await ring.signIdentity({ ...member, role: "owner" }, "https://a.example", now)).not.toBe(token);
  });
});
