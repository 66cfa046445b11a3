import { eq } from "drizzle-orm";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { newId } from "../schema/ids.ts";
import { sessions, users } from "../schema/tables/region/users.ts";
import { databaseOn } from "../workers/serve/drizzle.ts";
import { Invocation } from "../workers/serve/invocation.ts";
import { inTransaction } from "../workers/serve/transaction.ts";
import { startCountingProxy, type CountingProxy } from "./counting-proxy.ts";
import { eventually, newCustomer, newUser, type TestCustomer, type TestUser } from "./world.ts";

let proxy: CountingProxy;
let owner: postgres.Sql;
let customer: TestCustomer;
let user: TestUser;
let stranger: TestUser;
let binding: { connectionString: string };
let invocation: Invocation;
let behind: Promise<unknown>[];

beforeAll(async () => {
  const url = new URL(inject("platform").appUrls.us);
  proxy = await startCountingProxy(Number(url.port));
  url.port = String(proxy.port);
  binding = { connectionString: url.href };
  owner = postgres(inject("platform").ownerUrls.us, { max: 1, onnotice: () => undefined });
  customer = await newCustomer();
  user = await newUser(customer);
  stranger = await newUser(await newCustomer());
});

afterAll(async () => {
  await owner.end({ timeout: 5 });
  await proxy.close();
});

beforeEach(() => {
  behind = [];
  invocation = new Invocation((promise) => behind.push(promise));
  proxy.flights();
});

afterEach(async () => {
  invocation.end();
  await Promise.all(behind);
});

const scope = () => ({ settings: { "app.customer_id": customer.id } });
const newSession = () => ({
  customerId: customer.id,
  id: newId("session"),
  userId: user.id,
  createdAt: new Date(),
  expiresAt: new Date(Date.now() + 60_000),
  endsAt: new Date(Date.now() + 60_000),
});

describe("a transaction in one flight", () => {
  it("sends BEGIN, the scope, a statement with parameters and COMMIT without waiting in between", async () => {
    const rows = await invocation.withClient(binding, (client) =>
      inTransaction(client, scope(), (sql) => sql<{ id: string }[]>`select id from users where id = ${user.id}`),
    );
    expect(rows.map(({ id }) => id)).toEqual([user.id]);
    expect(proxy.flights()).toEqual(["QPDBESQ"]);
  });

  it("does the same with the query builder, whose statements keep their order", async () => {
    const named = eq(users.id, user.id);
    const [, [renamed], , [restored]] = await invocation.withClient(binding, (client) =>
      inTransaction(client, scope(), (sql) => {
        const tx = databaseOn(sql);
        return [
          tx.update(users).set({ name: "Renamed" }).where(named),
          tx.select({ name: users.name, createdAt: users.createdAt }).from(users).where(named),
          tx.update(users).set({ name: "Restored" }).where(named),
          tx.select({ name: users.name }).from(users),
        ];
      }),
    );
    expect(renamed).toEqual({ name: "Renamed", createdAt: expect.any(Date) as Date });
    expect(restored).toEqual({ name: "Restored" });
    expect(proxy.flights().join("")).toBe("QPDBESPDBESPDBESQQ");
  });

  it("shows the rows of the scope's customer only, and none to a statement after it on the same connection", async () => {
    const seen = (settings?: Record<string, string>) =>
      invocation.withClient(binding, (client) =>
        inTransaction(client, settings === undefined ? {} : { settings }, (sql) =>
          databaseOn(sql).select({ id: users.id }).from(users),
        ),
      );
    expect(await seen({ "app.customer_id": customer.id })).toEqual([{ id: user.id }]);
    expect(await seen()).toEqual([]);
    expect(await seen({ "app.principal_id": stranger.id })).toEqual([{ id: stranger.id }]);
    expect(await seen()).toEqual([]);
  });

  it("commits nothing when one of its statements fails, and rejects with that statement's error", async () => {
    const session = newSession();
    const failing = invocation.withClient(binding, (client) =>
      inTransaction(client, scope(), (sql) => {
        const tx = databaseOn(sql);
        return [
          tx.insert(sessions).values(session),
          tx.insert(sessions).values({ ...session, id: newId("session"), userId: newId("user") }),
          tx.select().from(users),
        ];
      }),
    );
    await expect(failing).rejects.toMatchObject({ cause: { code: "23503" } });
    expect(await owner`select from sessions where id = ${session.id}`).toHaveLength(0);
  });

  it("lets no customer write rows of another", async () => {
    const foreign = { ...newSession(), customerId: newId("customer") };
    const failing = invocation.withClient(binding, (client) =>
      inTransaction(client, scope(), (sql) => databaseOn(sql).insert(sessions).values(foreign)),
    );
    await expect(failing).rejects.toMatchObject({ cause: { code: "42501" } });
  });

  it("refuses a scope that is not an id before it connects", async () => {
    const made = proxy.made();
    const settings = { "app.customer_id": `${customer.id}'; set role domicile_owner; --` };
    const refused = invocation.withClient(binding, (client) =>
      inTransaction(client, { settings }, (sql) => sql`select 1`),
    );
    await expect(refused).rejects.toThrow("not a TypeID");
    expect(proxy.made()).toBe(made);
  });

  it("writes nothing when it is read-only", async () => {
    const failing = invocation.withClient(binding, (client) =>
      inTransaction(client, { readOnly: true, ...scope() }, (sql) =>
        databaseOn(sql).insert(sessions).values(newSession()),
      ),
    );
    await expect(failing).rejects.toMatchObject({ cause: { code: "25006" } });
  });
});

describe("a transaction that sends its statements itself", () => {
  it("sends BEGIN and the scope with its first statement", async () => {
    const count = await invocation.withClient(binding, (client) =>
      inTransaction(client, scope(), async (sql) => {
        const [found] = await sql<{ id: string }[]>`select id from users where id = ${user.id}`;
        const own = await sql`select from users where id = ${found?.id ?? ""}`;
        return own.length;
      }),
    );
    expect(count).toBe(1);
    expect(proxy.flights()).toEqual(["QPDBES", "PDBES", "Q"]);
  });

  it("is rolled back when it throws", async () => {
    const session = newSession();
    const failing = invocation.withClient(binding, (client) =>
      inTransaction(client, scope(), async (sql) => {
        await databaseOn(sql).insert(sessions).values(session);
        throw new Error("thrown by the work");
      }),
    );
    await expect(failing).rejects.toThrow("thrown by the work");
    expect(await owner`select from sessions where id = ${session.id}`).toHaveLength(0);
  });

  it("rejects when its connection is lost, and the server rolls it back", async () => {
    const session = newSession();
    const failing = invocation.withClient(binding, (client) =>
      inTransaction(client, scope(), async (sql) => {
        const tx = databaseOn(sql);
        await tx.insert(sessions).values(session);
        proxy.cut();
        await eventually(async () => proxy.open() === 0);
        await tx.insert(sessions).values(newSession());
      }),
    );
    await expect(failing).rejects.toThrow();
    expect(await owner`select from sessions where id = ${session.id}`).toHaveLength(0);
  });
});

describe("an invocation", () => {
  it("uses one connection for one piece of work after another, and closes it when it ends", async () => {
    const made = proxy.made();
    for (let round = 0; round < 3; round++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is what is tested
      await invocation.withClient(binding, (client) => client`select ${round}::int`);
      await invocation.withClient(binding, (client) =>
        inTransaction(client, scope(), (sql) => sql`select ${round}::int`),
      );
    }
    expect(proxy.made()).toBe(made + 1);
    invocation.end();
    await eventually(async () => proxy.open() === 0);
  });

  it("gives work at the same time connections of its own", async () => {
    const made = proxy.made();
    const pids = await Promise.all(
      [1, 2, 3].map((index) =>
        invocation.withClient(binding, (client) =>
          inTransaction(
            client,
            scope(),
            (sql) => sql<{ index: number }[]>`select ${index}::int as index, pg_sleep(0.05)`,
          ),
        ),
      ),
    );
    expect(pids.map(([row]) => row?.index)).toEqual([1, 2, 3]);
    expect(proxy.made()).toBe(made + 3);
  });

  it("closes a connection that is still in use when that work is done", async () => {
    const working = invocation.withClient(binding, (client) => client`select pg_sleep(0.1)`);
    await eventually(async () => proxy.open() === 1);
    invocation.end();
    await working;
    await eventually(async () => proxy.open() === 0);
  });

  it("connects again after an error", async () => {
    const { connectionString } = binding;
    const failing = invocation.withClient({ connectionString }, (client) => client`select 1 / 0`);
    await expect(failing).rejects.toMatchObject({ code: "22012" });
    const [row] = await invocation.withClient(binding, (client) => client<{ one: number }[]>`select 1 as one`);
    expect(row?.one).toBe(1);
  });
});
