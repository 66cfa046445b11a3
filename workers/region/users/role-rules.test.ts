import { describe, expect, it } from "vitest";
import type { Role } from "../../../schema/principal.ts";
import type { Actor } from "../../../schema/forwarded.ts";
import { keepsAnOwner, mayGrant, mayManage, rankOf } from "./role-rules.ts";

const facts = { customer_id: "cus_1", region: "eu", tier: "basic" } as const;
const user = (role: Role) => ({ type: "user", id: "usr_1", session_id: "ses_1", role, ...facts }) as const;
const key = { type: "api_key", id: "key_1", scopes: [], ...facts } satisfies Actor;

describe("roles", () => {
  it("are granted up to one's own, by users, keys and operators", () => {
    expect(() => mayGrant(user("admin"), "admin")).not.toThrow();
    expect(() => mayGrant(user("admin"), "owner")).toThrow();
    expect(() => mayGrant(key, "admin")).not.toThrow();
    expect(() => mayGrant(key, "owner")).toThrow();
    expect(rankOf({ type: "operator", id: "op" })).toBe("owner");
  });

  it("let only owners change owners", () => {
    expect(() => mayManage(user("admin"), "owner")).toThrow();
    expect(() => mayManage(key, "owner")).toThrow();
    expect(() => mayManage(user("owner"), "owner")).not.toThrow();
  });

  it("keep an owner from ending itself", () => {
    expect(() => keepsAnOwner(user("owner"), "usr_1")).toThrow();
    expect(() => keepsAnOwner(user("owner"), "usr_2")).not.toThrow();
    expect(() => keepsAnOwner(user("admin"), "usr_1")).not.toThrow();
  });
});
