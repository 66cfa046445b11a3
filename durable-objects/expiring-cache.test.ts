import { exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { ExpiringCache } from "./expiring-cache.ts";

async function send(path: string, init?: RequestInit): Promise<string> {
  const response = await exports.default.fetch(`https://objects.test${path}`, init);
  return response.text();
}

const pause = (ms: number): Promise<void> => new Promise((ended) => setTimeout(ended, ms));

describe("a cache with expiry", () => {
  it("forgets in one request of a Worker what another one stored, when its time has passed", async () => {
    await send("/short?ms=1000", { method: "PUT", body: "short" });
    await send("/long?ms=60000", { method: "PUT", body: "long" });
    expect(await send("/short")).toBe("short");
    await pause(1050);
    expect(await send("/short")).toBe("nothing");
    expect(await send("/long")).toBe("long");
  });

  it("keeps a value until its end and not longer, and drops the least recently used when it is full", () => {
    const cache = new ExpiringCache<number>(2);
    cache.set("a", 1, 10);
    expect([cache.get("a", 9), cache.get("a", 10), cache.get("a", 9)]).toEqual([1, undefined, undefined]);
    for (const key of ["a", "b", "c"]) cache.set(key, 1, 10);
    expect(["a", "b", "c"].map((key) => cache.get(key, 0))).toEqual([undefined, 1, 1]);
    cache.delete("b");
    expect(cache.get("b", 0)).toBeUndefined();
  });
});
