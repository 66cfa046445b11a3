import { expectStatus } from "../../dev/api.ts";
import type { Platform } from "../../dev/platform.ts";
import { median } from "../quantile.ts";

/** Round trips between two locations, in milliseconds. The first is what the others are compared with. */
const distances = [0, 20, 80, 250] as const;
/** Requests of a figure, one after another, after those that warm up. */
const count = { warm: 10, measured: 30 } as const;

const changed = { quantity: 2 };
const requests = {
  read: { method: "GET" },
  change: { method: "POST", body: changed },
} as const;

/** The median latency of each request of each user, in milliseconds. */
type Latencies = Readonly<Record<string, number>>;

/** A row for each distance: the latency without distance, and what each distance adds to it. In milliseconds. */
export async function measureDistances(
  platform: Platform,
  tokens: Readonly<Record<string, string>>,
): Promise<Record<string, Latencies>> {
  const latencies: Latencies[] = [];
  for (const distanceMs of distances) {
    platform.network.distanceMs = distanceMs;
    await platform.restartWorkers();
    latencies.push(await measureLatencies(platform.baseUrl, tokens));
  }
  const [near = {}] = latencies;
  const rows = latencies.map((one, at): Latencies => {
    const added = Object.entries(one).map(([name, ms]) => [name, round(at === 0 ? ms : ms - (near[name] ?? 0))]);
    return Object.fromEntries(added) as Latencies;
  });
  const names = distances.map((ms, at) => (at === 0 ? "0 ms: latency" : `${ms} ms: added`));
  return Object.fromEntries(names.map((name, at) => [name, rows[at] ?? {}]));
}

async function measureLatencies(baseUrl: string, tokens: Readonly<Record<string, string>>): Promise<Latencies> {
  const found: Record<string, number> = {};
  for (const [user, token] of Object.entries(tokens)) {
    for (const [name, request] of Object.entries(requests)) {
      const taken: number[] = [];
      for (let at = 0; at < count.warm + count.measured; at++) {
        const start = performance.now();
        await expectStatus(200, baseUrl, "/orders/42", { ...request, token });
        taken.push(performance.now() - start);
      }
      found[`${name} ${user}`] = median(taken.slice(count.warm));
    }
  }
  return found;
}

function round(ms: number): number {
  // Not -0.
  return Math.round(ms * 10) / 10 + 0;
}
