import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { processOf } from "../processes.ts";
import {
  databases,
  eventually,
  passwords,
  startPooledPostgres,
  type PooledPostgres,
  type User,
} from "./pooled-postgres.ts";
import { messages, rawLogin, type RawClient } from "./raw-client.ts";
import { startPooler } from "./start.ts";

let pooled: PooledPostgres;
const children: ChildProcess[] = [];

beforeAll(async () => {
  pooled = await startPooledPostgres();
  await pooled.directClient("bob")`create table accounts (id int primary key, balance int)`;
}, 60_000);

beforeEach(async () => {
  await pooled.directClient("bob")`truncate accounts`;
  await pooled.directClient("bob")`insert into accounts values (1, 100)`;
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await pooled.closeClients();
});

afterAll(() => pooled.close());

async function rawClient(user: User): Promise<RawClient> {
  const client = await rawLogin(pooled.pooler.port, { user, database: databases[user] }, passwords[user]);
  await client.read();
  return client;
}

/** Runs a module in a process of its own; resolves with the first line that it prints. */
async function run(source: string): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", source], {
    cwd: join(import.meta.dirname, "../.."),
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const [line] = (await once(child.stdout, "data", { signal: AbortSignal.timeout(10_000) })) as [Buffer];
  return { child, line: line.toString() };
}

/** The balance, read and locked by another client. Rejects if another transaction keeps the row for 3 s. */
async function lockedBalance(): Promise<number> {
  return pooled.client("bob").begin(async (transaction) => {
    await transaction`set local lock_timeout = '3s'`;
    const [row] = await transaction`select balance from accounts where id = 1 for update`;
    return row?.["balance"] as number;
  });
}

describe("a client that disappears", () => {
  it("by kill -9 in a transaction has it rolled back, and its locks released", async () => {
    const url = pooled.pooler.url("bob", passwords.bob, databases.bob);
    const { child } = await run(`
      import postgres from "postgres";
      const sql = postgres(${JSON.stringify(url)}, { max: 1, fetch_types: false });
      await sql.begin(async (transaction) => {
        await transaction\`update accounts set balance = 0 where id = 1\`;
        console.log("updated");
        await new Promise((later) => setTimeout(later, 60_000));
      });`);
    child.kill("SIGKILL");
    expect(await lockedBalance()).toBe(100);
  });

  it.each([0, 0, 0, 1, 1, 2, 4, 20])(
    "while statements of its transaction run has them cancelled, %d ms after it sent them",
    async (afterMs) => {
      const client = await rawClient("bob");
      client.socket.write(messages.query("begin; update accounts set balance = 0; select pg_sleep(60)"));
      client.socket.write(messages.query("rollback; begin; update accounts set balance = 1; select pg_sleep(60)"));
      await new Promise((waited) => {
        setTimeout(waited, afterMs);
      });
      client.socket.destroy();
      expect(await lockedBalance()).toBe(100);
    },
  );

  it("without reading takes little memory of the pooler, and frees its connection", async () => {
    const before = (await pooled.pooler.stats()).residentBytes;
    const client = await rawClient("alice");
    client.socket.write(messages.query("select repeat('x', 1000000) from generate_series(1, 300)"));
    const pipelining = await rawClient("bob");
    for (let at = 0; at < 300; at += 1) pipelining.socket.write(messages.query("select repeat('x', 1000000)"));
    await new Promise((waited) => {
      setTimeout(waited, 500);
    });
    expect(await pooled.client("bob")`select 1 as one`).toEqual([{ one: 1 }]);
    expect((await pooled.pooler.stats()).residentBytes - before).toBeLessThan(64_000_000);
    expect(await pooled.pool("alice")).toMatchObject({ busy: 1 });
    for (const { socket } of [client, pipelining]) socket.destroy();
    expect(await pooled.client("alice")`select 1 as one`).toEqual([{ one: 1 }]);
  });
});

describe("a client that does not read its responses", () => {
  it("gets no further statements run", async () => {
    const reader = pooled.client("bob");
    await reader`create sequence runs`;
    const client = await rawClient("bob");
    for (let at = 0; at < 2500; at += 1) {
      client.socket.write(messages.query("select nextval('runs'), repeat('x', 7900)"));
      // Apart, so that each is a transaction of its own, after which the server connection is free.
      await new Promise((waited) => {
        setTimeout(waited, 1);
      });
    }
    // Buffers of the system take 4.4 MB of the 20 on Linux.
    const [row] = await reader`select last_value::int as runs from runs`;
    expect(row?.["runs"]).toBeLessThan(1000);
    expect(row?.["runs"]).toBeGreaterThan(1);
    client.socket.destroy();
  });
});

describe("Postgres", () => {
  it("stopped like a crash gives errors at once, and serves the same clients after it has started again", async () => {
    const kept = pooled.client("bob");
    const working = pooled.client("bob");
    await kept`select 1`;
    const broken = expect(working`select pg_sleep(60)`).rejects.toMatchObject({ code: /^57P0|^08|^CONNECTION/ });
    await pooled.poolWhere("bob", "a busy connection", ({ busy }) => busy === 1);
    await pooled.server.stop("immediate");
    await broken;
    const started = Date.now();
    await expect(kept`select ${1}::int`).rejects.toMatchObject({ code: "08006" });
    await expect(pooled.client("bob")`select 1`).rejects.toMatchObject({ code: "08006" });
    await expect(pooled.client("alice")`select 1`).rejects.toMatchObject({ code: "08006" });
    expect(Date.now() - started).toBeLessThan(3000);
    await pooled.server.start();
    expect(await kept`select ${1}::int as one`).toEqual([{ one: 1 }]);
    expect(await pooled.client("alice")`select 1 as one`).toEqual([{ one: 1 }]);
    // Postgres repeats its log after a crash, which takes seconds on a busy machine.
  }, 30_000);

  it("with a backend that does not answer goes on with its other ones", async () => {
    const stuck = pooled.client("bob");
    let backend = 0;
    const transaction = stuck.begin(async (held) => {
      const [row] = await held`select pg_backend_pid() as pid`;
      backend = row?.["pid"] as number;
      process.kill(backend, "SIGSTOP");
      await held`select 1`;
    });
    const lost = expect(transaction).rejects.toMatchObject({ code: /^CONNECTION/ });
    try {
      await eventually(
        "a stopped backend",
        () => Promise.resolve(backend),
        (pid) => pid !== 0,
      );
      const others = Array.from({ length: 20 }, () => pooled.client("bob"));
      expect(await Promise.all(others.map((sql) => sql`select 1 as one`))).toHaveLength(20);
      await stuck.end({ timeout: 0 });
      await lost;
      await pooled.poolWhere("bob", "no busy connection", ({ busy }) => busy === 0);
    } finally {
      process.kill(backend, "SIGCONT");
    }
  });
});

describe("the process of the pooler", () => {
  /** Another pooler before the same Postgres, in a process that then does nothing but block its thread. */
  const blockedOwner = (): string => `
    import { writeSync } from "node:fs";
    import { startPooler } from "./dev/pooler/start.ts";
    const pooler = await startPooler({ upstreamPort: ${pooled.server.port}, routes: [
      { user: "bob", password: ${JSON.stringify(passwords.bob)}, database: "b" }] });
    writeSync(1, JSON.stringify({ pid: pooler.pid, url: pooler.url("bob", ${JSON.stringify(passwords.bob)}, "b") }) + "\\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;

  it("serves while the thread of its owner is blocked, and ends when the owner is killed", async () => {
    const { child, line } = await run(blockedOwner());
    const { pid, url } = JSON.parse(line) as { pid: number; url: string };
    const sql = postgres(url, { max: 1, fetch_types: false });
    expect(await sql`select ${1}::int as one`).toEqual([{ one: 1 }]);
    child.kill("SIGKILL");
    await eventually(
      "the end of the pooler",
      () => Promise.resolve(processOf(pid)),
      (found) => found === null,
    );
    await sql.end({ timeout: 0 });
  });

  it.runIf(process.platform === "linux")("shows no password in its command or environment", async () => {
    for (const file of ["cmdline", "environ"])
      expect(await readFile(`/proc/${pooled.pooler.pid}/${file}`, "utf8")).not.toContain(passwords.alice);
  });

  it("can be replaced on the same port after it was killed", async () => {
    const options = {
      upstreamPort: pooled.server.port,
      routes: [{ user: "bob", password: passwords.bob, database: databases.bob }],
    };
    const first = await startPooler(options);
    const sql = postgres(first.url("bob", passwords.bob, databases.bob), { max: 1, fetch_types: false });
    await sql`select 1`;
    process.kill(first.pid, "SIGKILL");
    expect(await first.exited).toEqual({ code: null, signal: "SIGKILL", wasClosed: false });
    await expect(first.stats()).rejects.toThrow("has ended");
    const second = await startPooler({ ...options, port: first.port });
    try {
      await expect(startPooler({ ...options, port: first.port })).rejects.toThrow("EADDRINUSE");
      expect(await sql`select ${1}::int as one`).toEqual([{ one: 1 }]);
    } finally {
      await sql.end({ timeout: 0 });
      await second.close();
    }
    expect(await second.exited).toEqual({ code: 0, signal: null, wasClosed: true });
  });
});
