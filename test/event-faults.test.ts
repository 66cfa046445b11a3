import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withSql } from "./audit-log-reading.ts";
import { runEventLoad } from "./event-load.ts";
import { startOwnWebhooks, type OwnWebhooks } from "./own-webhooks.ts";
import { eventually, wait } from "./world.ts";

/** Events of the load: `EVENTS=10000` is what the closing note of an issue shows. */
const events = Number(process.env["EVENTS"] ?? "2000");
/** How long Postgres is stopped, in milliseconds. */
const outageMs = events >= 10_000 ? 10_000 : 4000;
const paths = ["/load", "/second"];

let world: OwnWebhooks;

beforeAll(async () => {
  world = await startOwnWebhooks();
});

afterAll(() => world.close());

describe("events at full speed", () => {
  it("are committed exactly once when a 202 says so, and at most once otherwise, whatever is killed, evicted or stopped", async () => {
    const { platform } = world.own;
    for (const path of paths) await world.endpoint(path, ["load.*"]);
    const emitted = await runEventLoad({
      baseUrl: platform.baseUrl,
      token: world.token,
      events,
      connections: 32,
      faults: [
        { after: 0.15, cause: () => platform.restartWorkers("kill") },
        { after: 0.35, cause: () => platform.abortObjects() },
        { after: 0.5, cause: stopPostgresForAWhile },
        { after: 0.7, cause: dropWritersConnections },
        { after: 0.85, cause: () => platform.restartWorkers("kill") },
      ],
    });
    const rows = await withSql(
      platform.ownerUrl("us"),
      (sql) => sql<{ id: string; type: string }[]>`select id, type from events where type like 'load.n%'`,
    );
    const idsOf = Map.groupBy(rows, ({ type }) => type);
    const wrong = emitted.filter(({ type, id, repeatable }) => {
      const ids = idsOf.get(type)?.map((row) => row.id) ?? [];
      if (id === null) return repeatable || ids.length > 1;
      return ids.length !== 1 || ids[0] !== id;
    });
    expect(wrong).toEqual([]);
    expect(emitted).toHaveLength(events);
    // The load was not spent on a platform that could not be reached.
    expect(emitted.filter(({ id }) => id !== null).length).toBeGreaterThan(events * 0.9);
    // What is committed is delivered to each endpoint, also where the answer was lost.
    const committed = rows.map(({ id }) => id);
    for (const path of paths) await untilAllAt(path, committed);
  }, 200_000);
});

async function stopPostgresForAWhile(): Promise<void> {
  const { postgres } = world.own.platform;
  await postgres.stop("immediate");
  await wait(outageMs);
  await postgres.start();
}

/** Ends the server processes of the writer's role, in the middle of whatever they do. */
async function dropWritersConnections(): Promise<void> {
  await withSql(
    world.own.platform.superuserUrl("us"),
    (sql) => sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'us_events'`,
  );
}

async function untilAllAt(path: string, ids: readonly string[]): Promise<void> {
  const missing = (): string[] => {
    const received = new Set(world.at(path));
    return ids.filter((id) => !received.has(id));
  };
  await eventually(async () => missing().length === 0, 90_000).catch(() => undefined);
  expect({ path, missing: missing() }).toEqual({ path, missing: [] });
}
