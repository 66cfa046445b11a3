import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ConfigReaderApi, ConfigSnapshot, RegionState, Tier } from "../schema/config.ts";
import { ConfigCache } from "./config-cache.ts";

const states: RegionState[] = [{ name: "us", status: "draining", updated_at: "2026-01-01T00:00:00Z" }];
const basic: Tier = {
  name: "basic",
  unlimited: false,
  recheck_seconds: 5,
  policies: [{ name: "sec", quota: 1, window_seconds: 1 }],
};
const behind: Promise<unknown>[] = [];
const waitUntil = (promise: Promise<unknown>): void => void behind.push(promise);

function snapshotWith(tiers: readonly Tier[]): ConfigSnapshot {
  return { customer: null, tiers, regions: states };
}

/** A cache over a reader of which `change` replaces a part. */
function cacheOver(change: Partial<ConfigReaderApi>): ConfigCache {
  const reader: ConfigReaderApi = {
    snapshot: () => Promise.resolve(snapshotWith([basic])),
    regions: () => Promise.resolve(states),
    corsOrigins: () => Promise.resolve([]),
    publicKeys: () => Promise.resolve([]),
    crossRegionEndpoints: () => Promise.resolve([]),
    ...change,
  };
  return new ConfigCache(reader, { refreshMs: 1000, maximumMs: 3000, now: Date.now });
}

const never = (): Promise<never> => new Promise(() => undefined);

describe("configuration while global hangs", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it("is what is remembered: requests that came before a read failed wait for their own, the others for none", async () => {
    const regions = vi.fn<ConfigReaderApi["regions"]>(never).mockResolvedValueOnce(states);
    const snapshot = vi.fn<ConfigReaderApi["snapshot"]>(never).mockResolvedValueOnce(snapshotWith([basic]));
    const cache = cacheOver({ regions, snapshot });
    expect(await cache.regionStatus("us", waitUntil)).toBe("draining");
    await cache.snapshot("cus", waitUntil);
    await vi.advanceTimersByTimeAsync(3000);
    const herd = Promise.all(Array.from({ length: 100 }, () => cache.regionStatus("us", waitUntil)));
    await vi.advanceTimersByTimeAsync(1500);
    expect(new Set(await herd)).toEqual(new Set(["draining"]));
    expect(regions).toHaveBeenCalledTimes(1 + 100);
    for (let at = 0; at < 100; at++) expect(await cache.regionStatus("us", waitUntil)).toBe("draining");
    expect(await cache.tierOf("cus", "basic", waitUntil)).toEqual(basic);
    // Behind these answers, one read at a time.
    expect(regions).toHaveBeenCalledTimes(1 + 100 + 1);
    expect(snapshot).toHaveBeenCalledTimes(1 + 1);
  });

  it("is never older than five minutes where it is closed when in doubt: public keys, opt-ins", async () => {
    const version = {
      id: "pbk",
      version: 1,
      kid: "k",
      jwk: { kty: "OKP", crv: "X25519", x: "" },
      created_at: 0,
      expires_at: null,
    } as const;
    const publicKeys = vi.fn<ConfigReaderApi["publicKeys"]>(never).mockResolvedValueOnce([version]);
    const crossRegionEndpoints = vi.fn<ConfigReaderApi["crossRegionEndpoints"]>(never).mockResolvedValueOnce([]);
    const regions = vi.fn<ConfigReaderApi["regions"]>(never).mockResolvedValueOnce(states);
    const cache = cacheOver({ publicKeys, crossRegionEndpoints, regions });
    const ask = async (): Promise<string[]> => {
      const asked = Promise.allSettled([
        cache.publicKey("cus", "pbk", waitUntil),
        cache.crossRegionEndpoints("cus", waitUntil),
        cache.regionStatus("us", waitUntil),
      ]);
      await vi.advanceTimersByTimeAsync(5000);
      return (await asked).map(({ status }) => status);
    };
    expect(await ask()).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
    await vi.advanceTimersByTimeAsync(280_000);
    expect(await ask()).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await ask()).toEqual(["rejected", "rejected", "fulfilled"]);
  });

  it("is unavailable where nothing is remembered: each request tries once, and for a second after a failure none does", async () => {
    const regions = vi.fn<ConfigReaderApi["regions"]>(never);
    const cache = cacheOver({ regions });
    const ask = (): Promise<string> => cache.regionStatus("us", waitUntil).catch((error: Error) => error.message);
    const herd = Promise.all(Array.from({ length: 100 }, ask));
    await vi.advanceTimersByTimeAsync(1500);
    expect(new Set(await herd)).toEqual(new Set([await ask()]));
    expect(await ask()).not.toBe("draining");
    expect(regions).toHaveBeenCalledTimes(100);
    await vi.advanceTimersByTimeAsync(1000);
    regions.mockResolvedValue(states);
    expect(await ask()).toBe("draining");
  });

  it("is fresh again with the first read that succeeds", async () => {
    const open: RegionState[] = [{ name: "us", status: "active", updated_at: "2026-01-01T00:00:00Z" }];
    const regions = vi.fn<ConfigReaderApi["regions"]>().mockResolvedValueOnce(states).mockImplementationOnce(never);
    const cache = cacheOver({ regions: regions.mockResolvedValue(open) });
    await cache.regionStatus("us", waitUntil);
    await vi.advanceTimersByTimeAsync(3000);
    const waiting = cache.regionStatus("us", waitUntil);
    await vi.advanceTimersByTimeAsync(2100);
    expect(await waiting).toBe("draining");
    await cache.regionStatus("us", waitUntil);
    await behind.at(-1);
    expect(await cache.regionStatus("us", waitUntil)).toBe("active");
  });
});

describe("configuration that is read", () => {
  it("is read again behind the answers by one request at a time", async () => {
    vi.useFakeTimers();
    const regions = vi.fn<ConfigReaderApi["regions"]>(never).mockResolvedValueOnce(states);
    const cache = cacheOver({ regions });
    await cache.regionStatus("us", waitUntil);
    await vi.advanceTimersByTimeAsync(1500);
    for (let at = 0; at < 100; at++) expect(await cache.regionStatus("us", waitUntil)).toBe("draining");
    expect(regions).toHaveBeenCalledTimes(2);
    vi.useRealTimers();
  });

  it("keeps no request waiting for another that reads the same", async () => {
    vi.useFakeTimers();
    const first = Promise.withResolvers<RegionState[]>();
    const regions = vi.fn<ConfigReaderApi["regions"]>().mockReturnValueOnce(first.promise).mockResolvedValue(states);
    const cache = cacheOver({ regions });
    const slow = cache.regionStatus("us", waitUntil);
    await vi.advanceTimersByTimeAsync(1);
    expect(await cache.regionStatus("us", waitUntil)).toBe("draining");
    first.resolve([]);
    await slow;
    // The older read does not overwrite the newer one's value.
    expect(await cache.regionStatus("us", waitUntil)).toBe("draining");
    vi.useRealTimers();
  });
});

describe("the status of a region", () => {
  it("is the newest that was read, for every customer and for requests without one", async () => {
    vi.useFakeTimers();
    const closed: RegionState[] = [{ name: "us", status: "closed", updated_at: "2026-01-01T00:00:00Z" }];
    const snapshot = vi.fn<ConfigReaderApi["snapshot"]>().mockResolvedValueOnce(snapshotWith([basic]));
    const cache = cacheOver({ snapshot: snapshot.mockResolvedValue({ ...snapshotWith([basic]), regions: closed }) });
    expect((await cache.snapshot("cus_1", waitUntil)).regions).toEqual(states);
    expect(await cache.regionStatus("us", waitUntil)).toBe("draining");
    await vi.advanceTimersByTimeAsync(100);
    expect((await cache.snapshot("cus_2", waitUntil)).regions).toEqual(closed);
    expect((await cache.snapshot("cus_1", waitUntil)).regions).toEqual(closed);
    expect(await cache.regionStatus("us", waitUntil)).toBe("closed");
    expect(snapshot).toHaveBeenCalledTimes(2);
    vi.useRealTimers();
  });
});

describe("a tier that was made since the snapshot was read", () => {
  it("is found for an API key that names it", async () => {
    vi.useFakeTimers();
    const fresh = { ...basic, name: "fresh" };
    const snapshot = vi.fn<ConfigReaderApi["snapshot"]>().mockResolvedValueOnce(snapshotWith([basic]));
    const cache = cacheOver({ snapshot: snapshot.mockResolvedValue(snapshotWith([basic, fresh])) });
    expect(await cache.tierOf("cus", "basic", waitUntil)).toEqual(basic);
    await vi.advanceTimersByTimeAsync(200);
    expect(await cache.tierOf("cus", "fresh", waitUntil)).toEqual(fresh);
    expect(await cache.tierOf("cus", "none", waitUntil)).toBeNull();
    expect(await cache.tierOf("cus", null, waitUntil)).toBeNull();
    expect(snapshot).toHaveBeenCalledTimes(2);
    vi.useRealTimers();
  });
});
