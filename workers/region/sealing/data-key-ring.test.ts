import { describe, expect, it } from "vitest";
import { DataKeyRing, keyIdOf } from "./data-key-ring.ts";

const old = { id: "eu_1", key: Buffer.alloc(32, 7).toString("base64url") };
const fresh = { id: "eu_2", key: Buffer.alloc(32, 8).toString("base64url") };
const ring = new DataKeyRing([old]);

describe("what a key ring seals", () => {
  it("opens for its own purpose and place", async () => {
    expect(await ring.open("p", "c", await ring.seal("p", "c", "answer"))).toBe("answer");
  });

  it("is another each time, and holds nothing readable but the name of its key", async () => {
    const [first, second] = await Promise.all([ring.seal("p", "c", "answer"), ring.seal("p", "c", "answer")]);
    expect(first).not.toEqual(second);
    expect(Buffer.from(first).toString("latin1")).not.toContain("answer");
    expect(keyIdOf(first)).toBe("eu_1");
  });

  it("does not open in another place, for another purpose, under another secret, or changed anywhere", async () => {
    const sealed = await ring.seal("p", "c", "answer");
    await expect(ring.open("p", "d", sealed)).rejects.toThrow();
    await expect(ring.open("q", "c", sealed)).rejects.toThrow();
    await expect(new DataKeyRing([{ ...fresh, id: old.id }]).open("p", "c", sealed)).rejects.toThrow();
    for (let at = 0; at < sealed.length; at++) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(ring.open("p", "c", changed)).rejects.toThrow();
    }
    await expect(ring.open("p", "c", new Uint8Array())).rejects.toThrow();
  });

  it("opens after a rotation for as long as its key is in the ring, while the first one seals", async () => {
    const sealed = await ring.seal("p", "c", "answer");
    const rotated = new DataKeyRing([fresh, old]);
    expect(await rotated.open("p", "c", sealed)).toBe("answer");
    expect(keyIdOf(await rotated.seal("p", "c", "answer"))).toBe("eu_2");
    await expect(new DataKeyRing([fresh]).open("p", "c", sealed)).rejects.toThrow("not in the ring");
  });
});
