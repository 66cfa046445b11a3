import type postgres from "postgres";
import { afterEach, beforeEach, describe, expect, inject, it, onTestFinished } from "vitest";
import { freePort } from "../dev/free-port.ts";
import { isDatabaseUnavailable } from "../workers/serve/is-database-unavailable.ts";
import { denseMs, keptClient, type KeptClient, type KeptClientOptions } from "../workers/serve/kept-client.ts";
import { withSql } from "./audit-log-reading.ts";
import { eventually, wait } from "./world.ts";

const opened: KeptClient[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((client) => client.close()));
});

function connectionString(): string {
  return inject("platform").superuserUrls.us;
}

function open(options: KeptClientOptions = {}): KeptClient {
  const client = keptClient({ connectionString: connectionString() }, options);
  opened.push(client);
  return client;
}

/** The process of the connection's backend. */
async function backend(sql: postgres.Sql): Promise<number> {
  const [row] = await sql`select pg_backend_pid() as pid`;
  return Number(row?.["pid"]);
}

/** Whether Postgres still has this backend. */
async function isOpen(pid: number): Promise<boolean> {
  const rows = await withSql(connectionString(), (sql) => sql`select from pg_stat_activity where pid = ${pid}`);
  return rows.length > 0;
}

/** Closes a connection from the side of Postgres. */
async function terminate(pid: number): Promise<void> {
  await withSql(connectionString(), (sql) => sql`select pg_terminate_backend(${pid}, 5000)`);
}

/** Makes a backend hang until the test ends. */
function stop(pid: number): void {
  process.kill(pid, "SIGSTOP");
  onTestFinished(() => void process.kill(pid, "SIGCONT"));
}

describe("a kept client", () => {
  it("uses one connection until it is released, and then opens another", async () => {
    const client = open();
    const pid = await client.run(backend);
    expect(await client.runRepeatable(backend)).toBe(pid);
    await client.release();
    await eventually(async () => !(await isOpen(pid)));
    expect(await client.run(backend)).not.toBe(pid);
  });

  it("stays connected under dense traffic, until the connection has been unused for a while", async () => {
    const client = open({ idleMs: 1500 });
    await client.run(backend);
    await client.release();
    const pid = await client.run(backend);
    await client.release();
    expect(await client.run(backend)).toBe(pid);
    await client.release();
    await eventually(async () => !(await isOpen(pid)), 5000);
  });

  it("closes at once again when the traffic has become sparse", async () => {
    const client = open({ idleMs: 60_000 });
    await client.release();
    await client.release();
    await wait(denseMs);
    const pid = await client.run(backend);
    await client.release();
    await eventually(async () => !(await isOpen(pid)));
  });

  it("lets work end before it closes the connection", async () => {
    const client = open();
    const working = client.run(async (sql) => {
      await sql`select pg_sleep(0.3)`;
      return backend(sql);
    });
    await client.close();
    const pid = await working;
    await eventually(async () => !(await isOpen(pid)));
  });
});

describe("a kept connection that Postgres closes", () => {
  it("while it is unused: is replaced, and the next work does not fail", async () => {
    const client = open({ idleMs: 60_000 });
    const pid = await client.run(backend);
    await terminate(pid);
    expect(await client.runRepeatable(backend)).not.toBe(pid);
  });

  it("during work: what may be repeated runs again, what may not is rejected as unavailable", async () => {
    const client = open();
    const sleepOnce = async (sql: postgres.Sql, slept: number[]): Promise<number> => {
      const pid = await backend(sql);
      slept.push(pid);
      if (slept.length === 1) await sql`select pg_sleep(30)`;
      return pid;
    };
    await client.run(backend);
    const [repeated, once]: [number[], number[]] = [[], []];
    const working = client.runRepeatable((sql) => sleepOnce(sql, repeated));
    await eventually(async () => repeated.length === 1);
    await terminate(repeated[0] ?? 0);
    expect(await working).toBe(repeated[1]);
    const failing = client.run((sql) => sleepOnce(sql, once)).catch((error: unknown) => error);
    await eventually(async () => once.length === 1);
    await terminate(once[0] ?? 0);
    expect(isDatabaseUnavailable(await failing)).toBe(true);
    expect(once).toHaveLength(1);
  });
});

describe("a kept connection whose backend hangs", () => {
  let client: KeptClient;
  let hung: number;

  beforeEach(async () => {
    client = open({ boundMs: 500 });
    hung = await client.run(backend);
    stop(hung);
  });

  it("is given up after the bound, and what may be repeated runs again on a new one", async () => {
    const began = Date.now();
    expect(await client.runRepeatable(backend)).not.toBe(hung);
    expect(Date.now() - began).toBeGreaterThanOrEqual(500);
    expect(Date.now() - began).toBeLessThan(5000);
  });

  it("is given up after the bound; other work is rejected as unavailable, and the next uses a new one", async () => {
    const failed = await client.run(backend).catch((error: unknown) => error);
    expect(isDatabaseUnavailable(failed)).toBe(true);
    expect(await client.run(backend)).not.toBe(hung);
  });
});

describe("without Postgres", () => {
  it("work is rejected as unavailable and runs once", async () => {
    const port = await freePort();
    const client = keptClient({ connectionString: `postgres://nobody@127.0.0.1:${port}/none` });
    let runs = 0;
    const failed = await client
      .runRepeatable(async (sql) => {
        runs += 1;
        return backend(sql);
      })
      .catch((error: unknown) => error);
    expect(isDatabaseUnavailable(failed)).toBe(true);
    expect(runs).toBe(1);
  });
});
