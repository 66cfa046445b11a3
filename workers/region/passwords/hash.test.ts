import { describe, expect, it } from "vitest";
import { currentParameters, hashPassword, verifyPassword } from "./hash.ts";

describe("passwords", () => {
  it("are stored as PHC strings with a salt of their own", async () => {
    const [first, second] = await Promise.all([hashPassword("correct horse"), hashPassword("correct horse")]);
    expect(first).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(second).not.toBe(first);
  });

  it("are recognised, however the keyboard composes them", async () => {
    const stored = await hashPassword("pass\u00e9word");
    expect(await verifyPassword("passe\u0301word", stored)).toEqual({ ok: true, outdated: false });
    expect((await verifyPassword("another", stored)).ok).toBe(false);
  });

  it("say when they should be hashed anew", async () => {
    const stored = await hashPassword("correct horse", { ...currentParameters, logN: 10 });
    expect(await verifyPassword("correct horse", stored)).toEqual({ ok: true, outdated: true });
  });

  it("are never right for nobody", async () => {
    expect((await verifyPassword("", null)).ok).toBe(false);
  });

  it("are not quoted when a stored hash is malformed", async () => {
    await expect(verifyPassword("x", "plain-secret")).rejects.toThrow(/^(?!.*plain-secret)/);
  });
});
