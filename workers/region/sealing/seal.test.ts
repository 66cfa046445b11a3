import { describe, expect, it } from "vitest";
import { open, seal } from "./seal.ts";

const secret = new Uint8Array(32).fill(7);

describe("a sealed answer", () => {
  it("opens with its own secret, purpose and context", async () => {
    expect(await open(await seal("answer", secret, "p", "c"), secret, "p", "c")).toBe("answer");
  });

  it("is another each time, and holds nothing readable", async () => {
    const [first, second] = await Promise.all([seal("answer", secret, "p", "c"), seal("answer", secret, "p", "c")]);
    expect(first).not.toEqual(second);
    expect(new TextDecoder("latin1").decode(first)).not.toContain("answer");
  });

  it("does not open in another place, for another purpose, under another secret, or changed", async () => {
    const sealed = await seal("answer", secret, "p", "c");
    const changed = Uint8Array.from(sealed, (byte, at) => (at === sealed.length - 1 ? byte ^ 1 : byte));
    await expect(open(sealed, secret, "p", "d")).rejects.toThrow();
    await expect(open(sealed, secret, "q", "c")).rejects.toThrow();
    await expect(open(sealed, new Uint8Array(32), "p", "c")).rejects.toThrow();
    await expect(open(changed, secret, "p", "c")).rejects.toThrow();
  });
});
