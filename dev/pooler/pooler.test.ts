import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { connections, passwords, startPooledPostgres, waitMs, type PooledPostgres } from "./pooled-postgres.ts";
import { errorCodeOf, messages, rawConnect, rawLogin, type RawClient, startupPacket, typesOf } from "./raw-client.ts";

let pooled: PooledPostgres;

beforeAll(async () => {
  pooled = await startPooledPostgres();
}, 60_000);

afterEach(() => pooled.closeClients());

afterAll(() => pooled.close());

/** A raw client that has logged in as alice. */
async function rawAlice(): Promise<RawClient> {
  const client = await rawLogin(pooled.pooler.port, { user: "alice", database: "a" }, passwords.alice);
  await client.read();
  return client;
}

describe("authentication", () => {
  it("accepts a role with its password and database", async () => {
    const [row] = await pooled.client("bob")`select current_user as user, current_database() as database`;
    expect(row).toEqual({ user: "bob", database: "b" });
  });

  it.each([
    { what: "a wrong password", user: "alice", database: "a", password: "wrong", code: "28P01" },
    { what: "the password of another role", user: "alice", database: "a", password: passwords.bob, code: "28P01" },
    { what: "an unknown role", user: "postgres", database: "postgres", password: "superuser", code: "28P01" },
    { what: "the database of another role", user: "alice", database: "b", password: passwords.alice, code: "3D000" },
    { what: "a wrong password for another's database", user: "alice", database: "b", password: "x", code: "28P01" },
  ])("refuses $what", async ({ user, database, password, code }) => {
    const client = await rawLogin(pooled.pooler.port, { user, database }, password);
    const response = await client.read();
    expect(typesOf(response)).toBe("RE");
    expect(errorCodeOf(response)).toBe(code);
    expect(client.socket.destroyed || client.socket.readableEnded).toBe(true);
  });

  it("refuses startup parameters that would be session state", async () => {
    const parameters = { user: "alice", database: "a", options: "-c search_path=secret" };
    const client = await rawLogin(pooled.pooler.port, parameters, passwords.alice);
    expect(errorCodeOf(await client.read())).toBe("0A000");
  });

  it("refuses a statement in place of a password", async () => {
    const client = await rawConnect(pooled.pooler.port);
    client.socket.write(startupPacket({ user: "alice", database: "a" }));
    client.socket.write(messages.query("select 1"));
    expect(errorCodeOf(await client.read())).toBe("08P01");
  });

  it("answers a request for TLS with N and goes on", async () => {
    const client = await rawConnect(pooled.pooler.port);
    client.socket.write(Buffer.from("0000000804d2162f", "hex"));
    await new Promise((readable) => {
      client.socket.once("readable", readable);
    });
    expect((client.socket.read() as Buffer).toString()).toBe("N");
    client.socket.write(startupPacket({ user: "alice", database: "a" }));
    client.socket.write(
      Buffer.concat([Buffer.from("p"), Buffer.from([0, 0, 0, 21]), Buffer.from(`${passwords.alice}\0`)]),
    );
    expect(typesOf(await client.read())).toBe("RRKZ");
    client.socket.destroy();
  });

  it("listens on 127.0.0.1 alone", async () => {
    // On Linux all of 127.0.0.0/8 is this machine's, so that listening on every address would accept this.
    const socket = connect(pooled.pooler.port, process.platform === "linux" ? "127.0.0.2" : "::1");
    const outcome = await new Promise((ended) => {
      socket.once("connect", () => ended("connected"));
      socket.once("error", (error: NodeJS.ErrnoException) => ended(error.code));
    });
    socket.destroy();
    expect(outcome).toBe("ECONNREFUSED");
  });
});

describe("session state", () => {
  it("does not reach the next client", async () => {
    const first = pooled.client("alice");
    await first.unsafe(
      "create or replace function leave_setting() returns text language sql as $$ select set_config('app.hidden', 'x', false) $$",
    );
    await first.unsafe(`
      set timezone = 'Asia/Tokyo'; set statement_timeout = '77s'; select leave_setting();
      create temp table leftover (x int); select pg_advisory_lock(42); listen channel;
      prepare leftover as select 1; declare leftover cursor with hold for select 1`);
    const [{ pid }] = (await first`select pg_backend_pid() as pid`) as unknown as [{ pid: number }];

    const second = pooled.client("alice");
    const [row] = await second`
      select pg_backend_pid() as pid, current_setting('timezone') as timezone,
        current_setting('statement_timeout') as timeout, nullif(current_setting('app.hidden', true), '') as hidden,
        to_regclass('pg_temp.leftover') as table,
        (select count(*)::int from pg_locks where locktype = 'advisory') as locks,
        (select count(*)::int from pg_listening_channels()) as channels,
        (select count(*)::int from pg_prepared_statements where name = 'leftover') as statements,
        (select count(*)::int from pg_cursors where name = 'leftover') as cursors`;
    expect(row).toEqual({
      pid,
      timezone: expect.not.stringContaining("Tokyo") as string,
      timeout: "0",
      hidden: null,
      table: null,
      locks: 0,
      channels: 0,
      statements: 0,
      cursors: 0,
    });
  });

  it("does not reach the next client when the reset is made to fail", async () => {
    const first = await rawAlice();
    // A reset that takes longer than this is cancelled, and the connection must then be closed.
    first.socket.write(messages.query("set statement_timeout = '1ms'; create temp table leftover (x int)"));
    await first.read();
    first.socket.destroy();
    const [row] = await pooled.client("alice")`
      select current_setting('statement_timeout') as timeout, to_regclass('pg_temp.leftover') as table`;
    expect(row).toEqual({ timeout: "0", table: null });
  });

  it("holds a server connection through a transaction, and no longer", async () => {
    const sql = pooled.client("alice");
    await sql.begin(async (transaction) => {
      await transaction`set local timezone = 'Asia/Tokyo'`;
      expect(await transaction`select current_setting('timezone') as zone`).toEqual([{ zone: "Asia/Tokyo" }]);
      expect(await pooled.pool("alice")).toMatchObject({ idle: 0, busy: 1 });
    });
    await pooled.poolWhere("alice", "an idle connection", ({ idle, busy }) => idle === 1 && busy === 0);
  });
});

describe("prepared statements", () => {
  it("work for many clients in turn, and for the same client on many server connections", async () => {
    const clients = Array.from({ length: 20 }, () => pooled.client("bob"));
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all(clients.map((sql, at) => sql`select ${at}::int + ${round}::int as sum`));
      expect(answers.map(([row]) => row?.["sum"] as number)).toEqual(clients.map((_, at) => at + round));
    }
  });

  it("of one client are not those of another, though they have the same name", async () => {
    const [first, second] = [await rawAlice(), await rawAlice()];
    for (const [client, sql] of [
      [first, "select 'one'"],
      [second, "select 'two'"],
    ] as const) {
      client.socket.write(Buffer.concat([messages.parse("s", sql), messages.sync()]));
      expect(typesOf(await client.read())).toBe("1Z");
    }
    for (const [client, value] of [
      [first, "one"],
      [second, "two"],
      [first, "one"],
    ] as const) {
      client.socket.write(Buffer.concat([messages.bind("s"), messages.execute(), messages.sync()]));
      const response = await client.read();
      expect(typesOf(response)).toBe("2DCZ");
      expect(response.toString("latin1")).toContain(value);
    }
    for (const { socket } of [first, second]) socket.destroy();
  });

  it("survive an error that made Postgres skip their preparation", async () => {
    const client = await rawAlice();
    client.socket.write(Buffer.concat([messages.parse("s", "select $1::int"), messages.sync()]));
    await client.read();
    const use = (value: string): Buffer => Buffer.concat([messages.bind("s", value), messages.execute()]);
    // One write, three groups: the first fails before the statement is used, the others must work.
    const failing = Buffer.concat([messages.parse("", "select 1/0"), messages.bind(""), messages.execute(), use("1")]);
    const groups = [failing, use("2"), use("3")].flatMap((group) => [group, messages.sync()]);
    client.socket.write(Buffer.concat(groups));
    let response = await client.read();
    while (typesOf(response).split("Z").length < 4) response = Buffer.concat([response, await client.read()]);
    expect(typesOf(response)).toMatch(/^12?EZ2DCZ2DCZ$/);
    client.socket.destroy();
  });

  it("are unknown after they were closed", async () => {
    const client = await rawAlice();
    client.socket.write(Buffer.concat([messages.parse("s", "select 1"), messages.close("s"), messages.sync()]));
    expect(typesOf(await client.read())).toBe("13Z");
    client.socket.write(Buffer.concat([messages.describe("s"), messages.sync()]));
    expect(errorCodeOf(await client.read())).toBe("26000");
    client.socket.destroy();
  });

  it("take parameters and give rows of many megabytes", async () => {
    const text = "x".repeat(12_000_000);
    const [row] = await pooled.client("alice")`select length(${text}) as length, ${text} as text`;
    expect(row?.["length"]).toBe(text.length);
    expect(row?.["text"] === text).toBe(true);
  });
});

describe("many clients", () => {
  it("share the server connections without an error: 200 at once, each with a transaction", async () => {
    const clients = Array.from({ length: 200 }, () => pooled.client("bob"));
    const answers = await Promise.all(
      clients.map((sql, at) =>
        sql.begin(async (transaction) => {
          await transaction`select set_config('app.customer_id', ${`c${at}`}, true)`;
          const [row] = await transaction`select current_setting('app.customer_id') as id`;
          return row?.["id"] as string;
        }),
      ),
    );
    expect(answers).toEqual(clients.map((_, at) => `c${at}`));
    const { idle, busy } = await pooled.pool("bob");
    expect(idle + busy).toBeLessThanOrEqual(connections.bob);
    const [row] = await pooled.directClient("bob")`
      select count(*)::int as backends from pg_stat_activity where usename = 'bob' and pid <> pg_backend_pid()`;
    expect(row?.["backends"]).toBeLessThanOrEqual(connections.bob);
  });

  it("get SQLSTATE 53300 when none becomes free in time, and can go on afterwards", async () => {
    const waiting = pooled.client("alice");
    await waiting`select 1`;
    await pooled.client("alice").begin(async (transaction) => {
      await transaction`select 1`;
      const started = Date.now();
      const refusal = waiting`select ${1}::int`;
      await expect(refusal).rejects.toMatchObject({ code: "53300" });
      expect(Date.now() - started).toBeGreaterThanOrEqual(waitMs - 10);
    });
    expect(await waiting`select ${1}::int as one`).toEqual([{ one: 1 }]);
  });

  it("leave the queue when they disappear", async () => {
    const waiting = await rawAlice();
    await pooled.client("alice").begin(async (transaction) => {
      await transaction`select 1`;
      waiting.socket.write(messages.query("select 1"));
      await pooled.poolWhere("alice", "a waiting client", (stats) => stats.waiting === 1);
      waiting.socket.destroy();
      await pooled.poolWhere("alice", "an empty queue", (stats) => stats.waiting === 0);
    });
  });

  it("cancel their own statement", async () => {
    const sql = pooled.client("alice");
    const sleep = sql`select pg_sleep(60)`;
    const cancelled = expect(sleep.execute()).rejects.toMatchObject({ code: "57014" });
    await pooled.poolWhere("alice", "a busy connection", ({ busy }) => busy === 1);
    sleep.cancel();
    await cancelled;
    expect(await pooled.client("alice")`select 1 as one`).toEqual([{ one: 1 }]);
  });
});
